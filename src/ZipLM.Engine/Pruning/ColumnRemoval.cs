using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

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
/// so that the diagonals, all that a choice needs, follow from h and u. G itself is never formed: at the beginning of a block
/// the rows of the likely choices come from one product with W, and a row that turns out to be missing is computed then.
/// What is gone leaves the matrices as soon as an eighth of them is.
/// </remarks>
internal sealed class ColumnRemoval : IDisposable
{
    /// <summary>Steps whose updates stay pending: wide enough for matrix products at full speed, and the block's rows fit the cache.</summary>
    private const int BlockSize = 64;

    /// <summary>Rows of G computed ahead in a block. Nearly all choices are among the cheapest columns of the block's beginning.</summary>
    private const int Candidates = BlockSize * 3 / 2;

    private readonly List<int> _order = [];
    private readonly List<double> _costs = [];
    private readonly List<double> _distances = [];
    private readonly double[] _firstScores;
    private readonly double _denseNorm;

    /// <summary>Original index of each column of the matrices, and whether it is still there.</summary>
    private int[] _columns;
    private bool[] _gone;

    private Tensor _inverse;
    private Tensor _weight;
    private Tensor _dense;
    private double _cost;

    /// <summary>⟨Ŵ, W⟩ over the columns that are left.</summary>
    private double _overlap;

    /// <param name="dense">W, double [rows, columns].</param>
    /// <param name="inverse">H⁻¹ of the damped H, double [columns, columns]; overwritten.</param>
    public ColumnRemoval(Tensor dense, Tensor inverse)
    {
        using var scope = NewDisposeScope();
        _dense = dense.clone().DetachFromDisposeScope();
        _weight = dense.clone().DetachFromDisposeScope();
        // cholesky_inverse lays its result out by columns; of a symmetric matrix the transpose is the same by rows, without a copy.
        _inverse = inverse.t().contiguous().DetachFromDisposeScope();
        _columns = [.. Enumerable.Range(0, (int)inverse.shape[0])];
        _gone = new bool[_columns.Length];
        _firstScores = new double[_columns.Length];
        TensorPrimitives.Divide(ColumnNorms(), Diagonal(), _firstScores);
        _denseNorm = _overlap = dense.square().sum().item<double>();
    }

    /// <summary>Columns in the order of their removal so far.</summary>
    public IReadOnlyList<int> Order => _order;

    /// <summary>Ŵ of the columns that are left, in rising order; the caller owns it.</summary>
    public Tensor Weight => _weight.index_select(1, Alive());

    /// <summary>Removes every column, cheapest first.</summary>
    /// <returns>Null when the inverse is not positive definite.</returns>
    public static RemovalTrace? Run(Tensor dense, Tensor inverse, CancellationToken cancellationToken)
    {
        using var removal = new ColumnRemoval(dense, inverse);
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
        var (diagonal, norms) = (Diagonal(), ColumnNorms());
        var scores = Scores(norms, diagonal);
        var candidates = Cheapest(scores);
        using var gram = GramRows(candidates);
        var ahead = new Dictionary<int, int>(candidates.Select((column, row) => KeyValuePair.Create(column, row)));

        var (h, u) = (zeros(steps, n, float64), zeros(steps, n, float64));
        var rowsOfH = Values(h);
        var rowsOfU = Values(u);
        var (removed, pivots, normsLeft) = (new int[steps], new double[steps], new double[steps]);
        var normLeft = TensorPrimitives.Sum<double>(norms);
        var scratch = new double[n];
        for (var k = 0; k < steps; k++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var j = TensorPrimitives.IndexOfMin<double>(scores);
            var h_k = rowsOfH.Slice(k * n, n);
            var u_k = rowsOfU.Slice(k * n, n);
            CopyRow(_inverse, j, h_k);
            if (ahead.TryGetValue(j, out var row))
            {
                CopyRow(gram, row, u_k);
            }
            else
            {
                using var missing = GramRows([j]);
                CopyRow(missing, 0, u_k);
            }

            for (var t = 0; t < k; t++)
            {
                var h_t = rowsOfH.Slice(t * n, n);
                var u_t = rowsOfU.Slice(t * n, n);
                TensorPrimitives.MultiplyAddEstimate(h_t, -h_t[j] / pivots[t], h_k, h_k);
                TensorPrimitives.MultiplyAddEstimate(h_t, -u_t[j], u_k, u_k);
                TensorPrimitives.MultiplyAddEstimate(u_t, -h_t[j], u_k, u_k);
            }

            var d = h_k[j];
            if (!(d > 0) || !double.IsFinite(d))
            {
                return false;
            }

            // u_k holds the row of G so far; r_j ≥ 0 is the column's norm.
            var norm = Math.Max(u_k[j], 0);
            TensorPrimitives.Multiply(u_k, 1 / d, u_k);
            TensorPrimitives.MultiplyAddEstimate(h_k, -norm / (2 * d * d), u_k, u_k);

            TensorPrimitives.Multiply(h_k, h_k, scratch);
            TensorPrimitives.MultiplyAddEstimate<double>(scratch, -1 / d, diagonal, diagonal);
            TensorPrimitives.Multiply(h_k, u_k, scratch);
            TensorPrimitives.MultiplyAddEstimate<double>(scratch, -2, norms, norms);
            normLeft -= 2 * TensorPrimitives.Sum<double>(scratch);

            _gone[j] = true;
            _cost += norm / d;
            _costs.Add(_cost);
            _order.Add(_columns[j]);
            (removed[k], pivots[k], normsLeft[k]) = (j, d, normLeft);
            Scores(norms, diagonal, scores);
        }

        Apply(h.to(_inverse.device), removed, pivots, normsLeft);
        return true;
    }

    public void Dispose()
    {
        _inverse.Dispose();
        _weight.Dispose();
        _dense.Dispose();
    }

    /// <summary>The block's updates of W and H⁻¹ as matrix products, and ‖Ŵ − W‖² after each of its steps.</summary>
    private void Apply(Tensor h, int[] removed, double[] pivots, double[] normsLeft)
    {
        var columns = tensor(removed.Select(i => (long)i).ToArray(), device: h.device);
        var d = tensor(pivots, device: h.device);
        var scaled = h / d.unsqueeze(1);

        // w_j of step t as it was then: Σ_{s ≤ t} w_j(s)·h_s[j_t]/d_s are the block's first columns, a unit triangular system.
        var w_j = linalg.solve_triangular(scaled.index_select(1, columns).triu(), _weight.index_select(1, columns), upper: true, left: false, unitriangular: true);
        var overlaps = (w_j * _dense.matmul(h.t())).sum(new long[] { 0 }).div(d).cpu().data<double>().ToArray();
        for (var k = 0; k < removed.Length; k++)
        {
            _overlap -= overlaps[k];
            _distances.Add(Math.Max(normsLeft[k] - (2 * _overlap) + _denseNorm, 0));
        }

        _weight.addmm_(w_j, scaled, beta: 1, alpha: -1);
        _inverse.addmm_(h.t(), scaled, beta: 1, alpha: -1);
    }

    /// <summary>Takes what is gone out of the matrices once it is an eighth of them.</summary>
    private void Compact()
    {
        var left = _gone.Count(g => !g);
        if (left > _columns.Length * 7 / 8)
        {
            return;
        }

        var alive = Alive();
        Replace(ref _weight, _weight.index_select(1, alive));
        Replace(ref _dense, _dense.index_select(1, alive));
        using var rows = _inverse.index_select(0, alive);
        Replace(ref _inverse, rows.index_select(1, alive));
        _columns = [.. _columns.Where((_, i) => !_gone[i])];
        _gone = new bool[left];
    }

    private static void Replace(ref Tensor field, Tensor next)
    {
        field.Dispose();
        field = next.DetachFromDisposeScope();
    }

    private Tensor Alive() =>
        tensor(Enumerable.Range(0, _gone.Length).Where(i => !_gone[i]).Select(i => (long)i).ToArray(), device: _inverse.device);

    /// <summary>score(j) = ‖w_j‖² / (H⁻¹)_jj, infinite for what is gone.</summary>
    private double[] Scores(double[] norms, double[] diagonal)
    {
        var scores = new double[norms.Length];
        Scores(norms, diagonal, scores);
        return scores;
    }

    private void Scores(double[] norms, double[] diagonal, double[] scores)
    {
        TensorPrimitives.Divide(norms, diagonal, scores);
        for (var i = 0; i < scores.Length; i++)
        {
            if (_gone[i])
            {
                scores[i] = double.PositiveInfinity;
            }
        }
    }

    private static int[] Cheapest(double[] scores)
    {
        var columns = Enumerable.Range(0, scores.Length).ToArray();
        Array.Sort((double[])scores.Clone(), columns);
        return columns[..Math.Min(Candidates, columns.Length)];
    }

    /// <summary>Rows of G = WᵀW at the beginning of the block, on the host.</summary>
    private Tensor GramRows(int[] columns)
    {
        using var scope = NewDisposeScope();
        var w_c = _weight.index_select(1, tensor(columns.Select(i => (long)i).ToArray(), device: _weight.device));
        return w_c.t().matmul(_weight).cpu().DetachFromDisposeScope();
    }

    private double[] Diagonal() => _inverse.diagonal().cpu().data<double>().ToArray();

    private double[] ColumnNorms() => _weight.square().sum(new long[] { 0 }).cpu().data<double>().ToArray();

    private static void CopyRow(Tensor matrix, long index, Span<double> row)
    {
        using var view = matrix[index];
        using var host = view.cpu();
        Values(host).CopyTo(row);
    }

    private static Span<double> Values(Tensor host) => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, double>(host.bytes);
}
