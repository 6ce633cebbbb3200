using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>
/// Rows of G = WᵀW for the columns that are likely to go next, on the host. A row comes from W once; from then on it is kept
/// up to date with the low-rank updates of each block, which costs a fraction of a product with W.
/// </summary>
internal sealed class GramRows : IDisposable
{
    /// <summary>Rows ready when a block begins: more than its steps, because the choices change while it runs.</summary>
    private const int Ahead = 3 * ColumnRemoval.BlockSize;

    /// <summary>Rows that come along when a column is chosen that has none.</summary>
    private const int More = ColumnRemoval.BlockSize / 4;

    private Tensor _rows = empty(0, 0, float64).DetachFromDisposeScope();
    private readonly Dictionary<int, int> _places = [];

    /// <summary>Makes the rows of the cheapest columns ready.</summary>
    /// <param name="weight">W as it is, double [rows, columns].</param>
    /// <param name="scores">What the next choice is made by, the lowest first.</param>
    public void Prepare(Tensor weight, double[] scores)
    {
        var likely = Cheapest(scores).Take(Ahead).ToArray();
        Keep([.. likely.Where(_places.ContainsKey)]);
        Add(weight, [.. likely.Where(c => !_places.ContainsKey(c))]);
    }

    /// <summary>Copies the row of a column, as it was when the block began.</summary>
    public void CopyRow(int column, Tensor weight, double[] scores, Span<double> row)
    {
        if (!_places.ContainsKey(column))
        {
            Add(weight, [column, .. Cheapest(scores).Where(c => c != column && !_places.ContainsKey(c)).Take(More)]);
        }

        MemoryMarshal.Cast<byte, double>(_rows.bytes).Slice(_places[column] * row.Length, row.Length).CopyTo(row);
    }

    /// <summary>Brings all rows up to date with a block's steps: G −= Uᵀ H + Hᵀ U.</summary>
    /// <param name="h">Rows of H⁻¹, one a step, double [steps, columns].</param>
    /// <param name="u">As above, double [steps, columns].</param>
    public void Apply(Tensor h, Tensor u)
    {
        using var scope = NewDisposeScope();
        var columns = Columns();
        _rows.addmm_(u.index_select(1, columns).t(), h, beta: 1, alpha: -1);
        _rows.addmm_(h.index_select(1, columns).t(), u, beta: 1, alpha: -1);
    }

    /// <summary>Follows the matrices when columns leave them.</summary>
    /// <param name="alive">Columns that stay, int64.</param>
    /// <param name="places">New place of each column; −1 = gone.</param>
    public void Compact(Tensor alive, int[] places)
    {
        Keep([.. Known().Where(c => places[c] >= 0)]);
        Replace(_rows.index_select(1, alive), [.. Known().Select(c => places[c])]);
    }

    public void Dispose() => _rows.Dispose();

    /// <summary>Columns with a row, in the order of the rows.</summary>
    private int[] Known() => [.. _places.OrderBy(p => p.Value).Select(p => p.Key)];

    private Tensor Columns() => tensor(Known().Select(c => (long)c).ToArray());

    private void Keep(int[] columns)
    {
        if (columns.Length < _places.Count)
        {
            Replace(_rows.index_select(0, tensor(columns.Select(c => (long)_places[c]).ToArray())), columns);
        }
    }

    private void Add(Tensor weight, int[] columns)
    {
        if (columns.Length == 0)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var selected = weight.index_select(1, tensor(columns.Select(c => (long)c).ToArray(), device: weight.device));
        var rows = selected.t().matmul(weight).cpu();
        Replace(_places.Count == 0 ? rows : cat([_rows, rows], 0), [.. Known(), .. columns]);
    }

    private void Replace(Tensor rows, int[] columns)
    {
        _rows.Dispose();
        _rows = rows.DetachFromDisposeScope();
        _places.Clear();
        for (var place = 0; place < columns.Length; place++)
        {
            _places.Add(columns[place], place);
        }
    }

    /// <summary>Columns by rising score.</summary>
    private static int[] Cheapest(double[] scores)
    {
        var columns = Enumerable.Range(0, scores.Length).ToArray();
        Array.Sort((double[])scores.Clone(), columns);
        return columns;
    }
}
