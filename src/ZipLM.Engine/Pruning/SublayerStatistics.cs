using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>What calibration leaves of the input X (columns × N tokens) of one output matrix: XXᵀ and N, in double precision.</summary>
internal sealed class SublayerStatistics : IDisposable
{
    private readonly Tensor _sum;
    private long _tokens;

    public SublayerStatistics(int columns, Device device)
    {
        Columns = columns;
        _sum = zeros(columns, columns, float64, device).DetachFromDisposeScope();
    }

    public int Columns { get; }

    /// <summary>N: tokens that were added, padding left out.</summary>
    public long Tokens => _tokens;

    /// <summary>Adds the tokens of a batch.</summary>
    /// <param name="input">[batch, length, columns]</param>
    /// <param name="mask">bool [batch, length], true = real token; null where there is no padding</param>
    public void Add(Tensor input, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        var tokens = mask is null ? input.reshape(-1, Columns) : input[mask];
        var x = tokens.to(float64);
        _sum.addmm_(x.t(), x, beta: 1, alpha: 1);
        _tokens += x.shape[0];
    }

    /// <summary>H without damping: (2/N)·XXᵀ, [columns, columns]; the caller owns it.</summary>
    public Tensor Hessian() => _sum * (2.0 / Math.Max(_tokens, 1));

    public void Dispose() => _sum.Dispose();
}
