using System.Globalization;

namespace ZipLM;

/// <summary>A speedup measured by running two models in turns in the same rounds.</summary>
/// <param name="Ratio">Median over the rounds of baseline time ÷ model time.</param>
/// <param name="Low">Lower end of the 95 % confidence interval of that median.</param>
/// <param name="High">Upper end of the 95 % confidence interval of that median.</param>
/// <param name="Rounds">Paired rounds measured.</param>
/// <param name="BaselineMilliseconds">Median time of the baseline, in ms.</param>
/// <param name="Milliseconds">Median time of the model, in ms.</param>
public sealed record Speedup(double Ratio, double Low, double High, int Rounds, double BaselineMilliseconds, double Milliseconds)
{
    /// <summary>Half the width of the interval as a share of the ratio: 0.01 means ± 1 %.</summary>
    public double Spread => (High - Low) / 2 / Ratio;

    /// <inheritdoc />
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Ratio:0.00}× ± {Spread * 100:0.0} % ({Rounds} rounds)");
}
