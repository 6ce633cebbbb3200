namespace ZipLM;

/// <summary>How a pruned model came to be, and what was promised and measured.</summary>
/// <param name="TargetSpeedup">The speedup that was asked for.</param>
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
/// <param name="LargestDamping">The largest damping that a sublayer's statistics needed: more than was asked for where they are singular.</param>
/// <param name="WorstCondition">The largest condition number (1-norm) of a sublayer's damped H; from about 1e12 on, calibrate with more varied data.</param>
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
    int Corrections,
    double LargestDamping,
    double WorstCondition);
