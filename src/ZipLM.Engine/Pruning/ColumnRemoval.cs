using System.Runtime.InteropServices;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Pruning;

/// <summary>
/// Removes single columns one at a time, making the choices of the plain loop at the cost of a few matrix products.
/// </summary>
/// <remarks>
/// The plain loop rewrites all of H⁻¹ and W at every step. Here the updates of a block of steps stay pending: a step brings
/// only the row of H⁻¹ and the row of G = WᵀW of the column that goes up to date, in vectorised code on the host, and the
/// block's end applies all of them as matrix products on the device. With h the row of H⁻¹, r the row of G and d = h_j:
/// <code>
/// H⁻¹ −= h hᵀ / d        W −= w_j hᵀ / d        G −= u hᵀ + h uᵀ   with u = r / d − (r_j / 2d²) h
/// </code>
/// so that the diagonals, all that a choice needs, follow from h and u. Of G only rows are formed (<see cref="GramRows"/>).
/// What is gone leaves the matrices as soon as a quarter of them is.
/// </remarks>
internal sealed class ColumnRemoval : IDisposable
{
    /// <summary>Steps whose updates stay pending: wide enough for matrix products at full speed, and the block's rows fit the cache.</summary>
    public const int BlockSize = 64;

    /// <summary>Columns that are brought up to date together: their rows of H⁻¹ and G stay in the nearest cache meanwhile.</summary>
    private const int Chunk = 512;

    private readonly List<int> _order = [];
    private readonly List<double> _costs = [];
    private readonly List<double> _distances = [];
    private readonly double[] _firstScores;
    private readonly double _denseNorm;

    /// <summary>Place of each column in an order that was given; null = cheapest first.</summary>
    private readonly double[]? _places;

    private readonly GramRows _gram = new();

    private Tensor _inverse;
    private Tensor _weight;
    private Tensor _dense;

    /// <summary>Original index of each column of the matrices, and whether it is gone.</summary>
    private int[] _columns;
    private bool[] _gone;

    /// <summary>(H⁻¹)_jj and ‖w_j‖², kept up to date at every step; 1 and infinite for what is gone, so that it is never chosen.</summary>
    private double[] _diagonal;
    private double[] _norms;

    /// <summary>Σ scores so far, ‖Ŵ‖², and ⟨Ŵ, W⟩.</summary>
    private double _cost;
    private double _norm;
    private double _overlap;

    /// <param name="dense">W, double [rows, columns].</param>
    /// <param name="inverse">H⁻¹ of the damped H, double [columns, columns]; overwritten.</param>
    /// <param name="forced">The order of removal; null = cheapest first.</param>
    public ColumnRemoval(Tensor dense, Tensor inverse, IReadOnlyList<int>? forced = null)
    {
        using var scope = NewDisposeScope();
        _dense = dense.clone().DetachFromDisposeScope();
        _weight = dense.clone().DetachFromDisposeScope();
        // cholesky_inverse lays its result out by columns; of a symmetric matrix the transpose is the same by rows, without a copy.
        _inverse = inverse.t().contiguous().DetachFromDisposeScope();
        _columns = [.. Enumerable.Range(0, (int)inverse.shape[0])];
        _gone = new bool[_columns.Length];
        (_diagonal, _norms) = Diagonals();
        _firstScores = new double[_columns.Length];
        TensorPrimitives.Divide(_norms, _diagonal, _firstScores);
        _denseNorm = _norm = _overlap = TensorPrimitives.Sum<double>(_norms);
        if (forced is not null)
        {
            _places = new double[forced.Count];
            for (var place = 0; place < forced.Count; place++)
            {
                _places[forced[place]] = place;
            }
        }
    }

    /// <summary>Columns in the order of their removal so far.</summary>
    public IReadOnlyList<int> Order => _order;

    /// <summary>Ŵ of the columns that are left, in rising order; the caller owns it.</summary>
    public Tensor Weight => _weight.index_select(1, Alive());

    /// <summary>Removes every column, cheapest first or in a given order.</summary>
    /// <returns>Null when the inverse is not positive definite.</returns>
    public static RemovalTrace? Run(Tensor dense, Tensor inverse, CancellationToken cancellationToken, IReadOnlyList<int>? forced = null)
    {
        using var removal = new ColumnRemoval(dense, inverse, forced);
        while (removal._order.Count < removal._firstScores.Length)
        {
            if (!removal.RemoveBlock(cancellationToken))
            {
                return null;
            }
        }

        // Nothing is left after the last one, and its error is known without computing.
        return new(removal._order, removal._firstScores, [.. removal._costs.SkipLast(1)], [.. removal._distances.SkipLast(1)]);
    }

    /// <summary>Removes the next columns, as many as a block has.</summary>
    /// <returns>False when the inverse is not positive definite.</returns>
    public bool RemoveBlock(CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        Compact();
        var n = _columns.Length;
        var steps = Math.Min(BlockSize, _gone.Count(g => !g));
        var (h, u) = (empty(steps, n, float64), empty(steps, n, float64));
        var rowsOfH = Values(h);
        var rowsOfU = Values(u);
        var (removed, pivots, norms) = (new int[steps], new double[steps], new double[steps]);
        var scores = new double[n];
        Rate(scores);
        _gram.Prepare(_weight, scores);
        var products = new double[n];
        for (var k = 0; k < steps; k++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var j = TensorPrimitives.IndexOfMin<double>(scores);
            var h_k = rowsOfH.Slice(k * n, n);
            var u_k = rowsOfU.Slice(k * n, n);
            CopyRow(j, h_k);
            _gram.CopyRow(j, _weight, scores, u_k);
            ApplyPending(rowsOfH, rowsOfU, pivots, k, j, h_k, u_k);
            var d = h_k[j];
            if (!(d > 0) || !double.IsFinite(d))
            {
                return false;
            }

            // u_k has held r until here; r_j is the column's norm.
            var norm = Math.Max(u_k[j], 0);
            TensorPrimitives.Multiply(u_k, 1 / d, u_k);
            TensorPrimitives.MultiplyAddEstimate(h_k, -norm / (2 * d * d), u_k, u_k);

            TensorPrimitives.Multiply(h_k, h_k, products);
            TensorPrimitives.MultiplyAddEstimate<double>(products, -1 / d, _diagonal, _diagonal);
            TensorPrimitives.Multiply(h_k, u_k, products);
            TensorPrimitives.MultiplyAddEstimate<double>(products, -2, _norms, _norms);
            _norm -= 2 * TensorPrimitives.Sum<double>(products);
            (_diagonal[j], _norms[j], _gone[j]) = (1, double.PositiveInfinity, true);

            _cost += norm / d;
            _costs.Add(_cost);
            _order.Add(_columns[j]);
            (removed[k], pivots[k], norms[k]) = (j, d, _norm);
            Rate(scores);
        }

        Apply(h.to(_inverse.device), removed, pivots, norms);
        _gram.Apply(h, u);
        return true;
    }

    public void Dispose()
    {
        _gram.Dispose();
        _inverse.Dispose();
        _weight.Dispose();
        _dense.Dispose();
    }

    /// <summary>Brings row j of H⁻¹ and of G up to date with the k steps of the block so far.</summary>
    private static void ApplyPending(
        ReadOnlySpan<double> rowsOfH, ReadOnlySpan<double> rowsOfU, double[] pivots, int k, int j, Span<double> h_k, Span<double> u_k)
    {
        var n = h_k.Length;
        for (var start = 0; start < n; start += Chunk)
        {
            var length = Math.Min(Chunk, n - start);
            var h = h_k.Slice(start, length);
            var r = u_k.Slice(start, length);
            for (var t = 0; t < k; t++)
            {
                var h_t = rowsOfH.Slice((t * n) + start, length);
                var u_t = rowsOfU.Slice((t * n) + start, length);
                var (h_tj, u_tj) = (rowsOfH[(t * n) + j], rowsOfU[(t * n) + j]);
                TensorPrimitives.MultiplyAddEstimate(h_t, -h_tj / pivots[t], h, h);
                TensorPrimitives.MultiplyAddEstimate(h_t, -u_tj, r, r);
                TensorPrimitives.MultiplyAddEstimate(u_t, -h_tj, r, r);
            }
        }
    }

    /// <summary>The block's updates of W and H⁻¹ as matrix products, and ‖Ŵ − W‖² after each of its steps.</summary>
    private void Apply(Tensor h, int[] removed, double[] pivots, double[] norms)
    {
        var columns = tensor(removed.Select(i => (long)i).ToArray(), device: h.device);
        var d = tensor(pivots, device: h.device);
        var scaled = h / d.unsqueeze(1);

        // w_j of each step as it was then: the block's first columns are Σ_{s ≤ t} w_j(s)·h_s[j_t]/d_s, a unit triangular system.
        var w_j = linalg.solve_triangular(scaled.index_select(1, columns).triu(), _weight.index_select(1, columns), upper: true, left: false, unitriangular: true);
        var overlaps = (w_j * _dense.matmul(h.t())).sum(new long[] { 0 }).div(d).cpu().data<double>().ToArray();
        for (var k = 0; k < removed.Length; k++)
        {
            _overlap -= overlaps[k];
            _distances.Add(Math.Max(norms[k] - (2 * _overlap) + _denseNorm, 0));
        }

        _weight.addmm_(w_j, scaled, beta: 1, alpha: -1);
        _inverse.addmm_(h.t(), scaled, beta: 1, alpha: -1);
    }

    /// <summary>Takes what is gone out of the matrices once it is a quarter of them.</summary>
    private void Compact()
    {
        var left = _gone.Count(g => !g);
        if (left > _columns.Length * 3 / 4)
        {
            return;
        }

        var alive = Alive();
        Replace(ref _weight, _weight.index_select(1, alive));
        Replace(ref _dense, _dense.index_select(1, alive));
        Replace(ref _inverse, _inverse[alive.unsqueeze(1), alive]);
        var (places, place) = (new int[_gone.Length], 0);
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = _gone[i] ? -1 : place++;
        }

        _gram.Compact(alive.cpu(), places);
        _columns = [.. _columns.Where((_, i) => !_gone[i])];
        _gone = new bool[left];
        // From the matrices again, so that rounding does not add up.
        (_diagonal, _norms) = Diagonals();
        _norm = TensorPrimitives.Sum<double>(_norms);
    }

    private static void Replace(ref Tensor field, Tensor next)
    {
        field.Dispose();
        field = next.DetachFromDisposeScope();
    }

    private Tensor Alive() =>
        tensor(Enumerable.Range(0, _gone.Length).Where(i => !_gone[i]).Select(i => (long)i).ToArray(), device: _inverse.device);

    private (double[] OfInverse, double[] OfGram) Diagonals() =>
        (_inverse.diagonal().cpu().data<double>().ToArray(), _weight.Squared().sum(new long[] { 0 }).cpu().data<double>().ToArray());

    /// <summary>What the next choice is made by, the lowest first: score(j) = ‖w_j‖² / (H⁻¹)_jj, or the place in the order that was given.</summary>
    private void Rate(double[] scores)
    {
        if (_places is null)
        {
            TensorPrimitives.Divide(_norms, _diagonal, scores);
            return;
        }

        for (var i = 0; i < scores.Length; i++)
        {
            scores[i] = _gone[i] ? double.PositiveInfinity : _places[_columns[i]];
        }
    }

    private void CopyRow(long index, Span<double> row)
    {
        using var view = _inverse[index];
        using var host = view.cpu();
        Values(host).CopyTo(row);
    }

    private static Span<double> Values(Tensor host) => MemoryMarshal.Cast<byte, double>(host.bytes);
}
