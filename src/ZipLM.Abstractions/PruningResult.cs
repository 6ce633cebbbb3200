namespace ZipLM;

/// <summary>How a pruned model came to be, and what was promised and measured.</summary>
/// <param name="TargetSpeedup">The speedup that was asked for, or that the <see cref="Target"/> comes to; 1 where it is a number of parameters.</param>
/// <param name="PredictedSpeedup">What the latency table predicts for the plan.</param>
/// <param name="Measured">The shrunk model against the dense one, measured in turns.</param>
/// <param name="Environment">Where and how it was measured.</param>
/// <param name="Plan">The level of each sublayer.</param>
/// <param name="TableFingerprint">The fingerprint of the latency table that was used.</param>
/// <param name="CalibrationData">The name of the calibration data.</param>
/// <param name="CalibrationSamples">Samples that the statistics were taken from.</param>
/// <param name="Damping">Damping that was asked for, as a share of the mean diagonal of H.</param>
/// <param name="Seed">Seed of the sample.</param>
/// <param name="Corrections">How often the budget was corrected because the measured speedup missed the target.</param>
public sealed record PruningResult(
    double TargetSpeedup,
    double PredictedSpeedup,
    Speedup Measured,
    InferenceEnvironment Environment,
    Plan Plan,
    string TableFingerprint,
    string CalibrationData,
    int CalibrationSamples,
    double Damping,
    int Seed,
    int Corrections)
{
    /// <summary>What was asked for; null for a speedup.</summary>
    public PruningTarget? Target { get; init; }

    /// <summary>The largest damping that a sublayer's statistics needed, as a share of the mean diagonal of H.</summary>
    public double LargestDamping { get; init; }

    /// <summary>The worst condition number (1-norm) of a sublayer's damped H; 0 where nothing was inverted.</summary>
    public double WorstCondition { get; init; }

    /// <summary>By which score the structures went.</summary>
    public PruningCriterion Criterion { get; init; }

    /// <summary>True when the structures that are left took over the work of those that went, by least squares.</summary>
    public bool Repair { get; init; } = true;

    /// <summary>Loss on the rows of the calibration data that are kept for comparing models, as <see cref="LossMeasure"/> says; null where none was measured.</summary>
    public double? Loss { get; init; }

    /// <summary>Loss of the model that was pruned, on the same rows; in a gradual run, of the dense model.</summary>
    public double? DenseLoss { get; init; }

    /// <summary>What <see cref="Loss"/> is.</summary>
    public LossMeasure? LossMeasure { get; init; }

    /// <summary>How the plan was searched for; null in records of before there was a search.</summary>
    public SearchSummary? Search { get; init; }
}
