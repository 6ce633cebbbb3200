using ZipLM.Engine.Latency;

namespace ZipLM.Engine.Recipes;

/// <summary>Where the latency table of a run comes from.</summary>
/// <param name="Table">A table that was recorded; null = one is measured.</param>
/// <param name="Trust">Take the recorded table although it is of another environment.</param>
/// <param name="BatchSize">Sequences in a forward pass; null = 1, or the table's.</param>
/// <param name="SequenceLength">Tokens a sequence; null = the 95th percentile of the calibration data, or the table's.</param>
/// <param name="Rounds">Interleaved rounds of a table that is measured; null = until times are known within 2 %.</param>
/// <param name="Runtime">What executes models when they are measured; null = as the table has it, else torch.</param>
internal sealed record RecipeLatency(string? Table, bool Trust, int? BatchSize, int? SequenceLength, int? Rounds, RuntimeChoice? Runtime)
{
    /// <summary>Tokens that are written after the sequence, its prompt; null = none, or the table's.</summary>
    public int? GeneratedTokens { get; init; }

    /// <summary>Only where it is given: without it nothing changes for a run that was begun when there was no such key.</summary>
    public void AddRuntime(StageInputs inputs)
    {
        if (Runtime is { } runtime)
        {
            inputs.Setting("runtime", StageJson.Of(runtime));
        }
    }
}
