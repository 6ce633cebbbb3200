namespace ZipLM;

/// <summary>A family side by side, and the line quality = a − b × speedup through its members (the paper's scaling law).</summary>
public sealed record CompressionSummary
{
    /// <summary>The name of the recipe.</summary>
    public required string Recipe { get; init; }

    /// <summary>The run directory.</summary>
    public required string Run { get; init; }

    /// <summary>What quality is.</summary>
    public required string Metric { get; init; }

    /// <summary>The data set that quality was measured on.</summary>
    public required string Data { get; init; }

    /// <summary>Quality of the dense model.</summary>
    public required double DenseQuality { get; init; }

    /// <summary>The members, by rising target.</summary>
    public required IReadOnlyList<CompressionMember> Members { get; init => field = value.Indexable(); }

    /// <summary>a of the line: quality where it meets a speedup of 0; null with fewer than two members.</summary>
    public double? Intercept { get; init; }

    /// <summary>b of the line: quality lost with each 1× of speedup.</summary>
    public double? Slope { get; init; }

    /// <summary>Root of the mean squared distance of the members' quality from the line; 0 by nature with two members.</summary>
    public double? Residual { get; init; }

    /// <summary>The table as a file that other tools read.</summary>
    public required string CsvPath { get; init; }

    /// <summary>All of this as a file.</summary>
    public required string JsonPath { get; init; }
}
