namespace ZipLM.PowerShell.Arguments;

/// <summary>A large number: <c>30M</c>, <c>1.5B</c>, <c>800K</c>, or plain.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class CountAttribute : QuantityTransformationAttribute
{
    private protected override string Expected => "a number, such as 30M, 1.5B or 800K";

    private protected override IReadOnlyDictionary<string, double> Units { get; } =
        new Dictionary<string, double>(StringComparer.Ordinal) { [""] = 1, ["K"] = 1e3, ["M"] = 1e6, ["B"] = 1e9 };
}
