namespace ZipLM.PowerShell.Arguments;

/// <summary>A time in ms: <c>5ms</c>, <c>0.8 ms</c>, <c>2s</c>, <c>300us</c> (also with a µ), a number of ms, or a TimeSpan.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class MillisecondsAttribute : QuantityTransformationAttribute
{
    private protected override string Expected => "a time, such as 5ms, 0.8 ms or 2s";

    private protected override IReadOnlyDictionary<string, double> Units { get; } =
        new Dictionary<string, double>(StringComparer.Ordinal) { [""] = 1, ["MS"] = 1, ["S"] = 1000, ["US"] = 1e-3, ["\u039CS"] = 1e-3 };

    private protected override double? Special(object? input) => (input as TimeSpan?)?.TotalMilliseconds;
}
