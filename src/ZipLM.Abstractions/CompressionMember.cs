namespace ZipLM;

/// <summary>One member of a family: what was asked for and what was measured.</summary>
public sealed record CompressionMember
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The speedup that was asked for; 1 for the dense model.</summary>
    public required double Target { get; init; }

    /// <summary>Dense time ÷ this model's time, measured in turns.</summary>
    public required double Speedup { get; init; }

    /// <summary>Half the 95 % confidence interval of the speedup, as a share of it.</summary>
    public required double SpeedupSpread { get; init; }

    /// <summary>Quality on the evaluation data.</summary>
    public required double Quality { get; init; }

    /// <summary>Quality minus the dense model's.</summary>
    public required double QualityChange { get; init; }

    /// <summary>Median time of one forward pass, in ms.</summary>
    public required double Milliseconds { get; init; }

    /// <summary>Parameters.</summary>
    public required long Parameters { get; init; }

    /// <summary>Size of the weights, in MB (10⁶ bytes).</summary>
    public required double SizeMB { get; init; }

    /// <summary>Its directory.</summary>
    public required string Path { get; init; }
}
