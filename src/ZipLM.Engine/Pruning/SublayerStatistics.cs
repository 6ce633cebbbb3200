using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>
/// What calibration leaves of the input X (columns × N tokens) of one output matrix: XXᵀ and N, in double precision. The sum
/// is in memory while it is taken; it may then lie in a file, from which it is read each time that H is asked for.
/// </summary>
internal sealed class SublayerStatistics : IDisposable
{
    private readonly Tensor? _sum;
    private readonly Func<Tensor>? _read;

    public SublayerStatistics(int columns, Device device)
    {
        Columns = columns;
        _sum = zeros(columns, columns, float64, device).DetachFromDisposeScope();
    }

    /// <param name="read">Reads XXᵀ; the caller owns what it gives.</param>
    public SublayerStatistics(int columns, long tokens, Func<Tensor> read) => (Columns, Tokens, _read) = (columns, tokens, read);

    public int Columns { get; }

    /// <summary>N: tokens that were added, padding left out.</summary>
    public long Tokens { get; private set; }

    /// <summary>XXᵀ, double [columns, columns]; only while it is in memory.</summary>
    public Tensor Sum => _sum ?? throw new InvalidOperationException("The statistics lie in a file.");

    /// <summary>Adds the tokens of a batch.</summary>
    /// <param name="input">[batch, length, columns]</param>
    /// <param name="mask">bool [batch, length], true = real token; null where there is no padding</param>
    /// <returns>False when the batch holds NaN or infinite values: the statistics are then of no use.</returns>
    public bool Add(Tensor input, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        var tokens = mask is null ? input.reshape(-1, Columns) : input[mask];
        var x = tokens.to(float64);
        Sum.addmm_(x.t(), x, beta: 1, alpha: 1);
        Tokens += x.shape[0];
        // A value of X that is not finite makes its square on the diagonal so, and a square of a finite single never overflows.
        return double.IsFinite(Sum.trace().item<double>());
    }

    /// <summary>Adds what another worker took of the same output matrix from other batches.</summary>
    public void Add(SublayerStatistics other)
    {
        using var scope = NewDisposeScope();
        Sum.Increase((other._sum ?? other._read!()).to(Sum.device));
        Tokens += other.Tokens;
    }

    /// <summary>H without damping: (2/N)·XXᵀ, [columns, columns]; the caller owns it.</summary>
    public Tensor Hessian()
    {
        var scale = 2.0 / Math.Max(Tokens, 1);
        return _sum is { } sum ? sum.Times(scale) : _read!().Scale(scale);
    }

    public void Dispose() => _sum?.Dispose();
}
