namespace ZipLM;

/// <summary>Quality, latency and size of one model, against a baseline where one was given.</summary>
public sealed record ModelMeasurement
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The data set's name.</summary>
    public required string Data { get; init; }

    /// <summary>How the data's texts were disturbed; null where they are as they are.</summary>
    public Perturbation? Perturbation { get; init; }

    /// <summary>What <see cref="Quality"/> is: accuracy, f1, matthews, pearson, perplexity, masked_accuracy.</summary>
    public required string Metric { get; init; }

    /// <summary>Quality on the data by that metric: 0–1, correlations from −1, perplexity from 1.</summary>
    public required double Quality { get; init; }

    /// <summary>False for a metric that falls as a model gets better: perplexity.</summary>
    public bool HigherIsBetter { get; init; } = true;

    /// <summary>All metrics of the task by name, <see cref="Metric"/> included.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    /// <summary>Mean loss on the data.</summary>
    public required double Loss { get; init; }

    /// <summary>Rows that were measured.</summary>
    public required int Samples { get; init; }

    /// <summary>Median time of one forward pass in <see cref="Environment"/>, in ms.</summary>
    public required double Milliseconds { get; init; }

    /// <summary>Half the 95 % confidence interval of that median, as a share of it.</summary>
    public double MillisecondsSpread { get; init; }

    /// <summary>Baseline time ÷ this model's time, measured in turns; null without a baseline.</summary>
    public double? Speedup { get; init; }

    /// <summary>Half the 95 % confidence interval of the speedup, as a share of it.</summary>
    public double? SpeedupSpread { get; init; }

    /// <summary>Rounds that were timed, paired where there is a baseline.</summary>
    public int Rounds { get; init; }

    /// <summary>Quality minus the baseline's on the same data; null without a baseline.</summary>
    public double? QualityChange { get; init; }

    /// <summary>Quality minus this model's on the same data undisturbed; null where it is.</summary>
    public double? PerturbationChange { get; init; }

    /// <summary>Parameters.</summary>
    public required long Parameters { get; init; }

    /// <summary>Size of the weights in the runtime and precision of <see cref="Environment"/>, in MB (10⁶ bytes).</summary>
    public required double SizeMB { get; init; }

    /// <summary>Where time and quality were measured.</summary>
    public required InferenceEnvironment Environment { get; init; }
}
