namespace ZipLM;

/// <summary>What a target of pruning counts.</summary>
public enum PruningTargetKind
{
    /// <summary>Dense time ÷ pruned time.</summary>
    Speedup,

    /// <summary>Time of one forward pass, in ms.</summary>
    Milliseconds,

    /// <summary>Sequences per second.</summary>
    Throughput,

    /// <summary>Parameters: the compression regime, in which time does not count.</summary>
    Parameters,
}
