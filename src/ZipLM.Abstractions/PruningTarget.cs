using System.Globalization;

namespace ZipLM;

/// <summary>What a pruned model shall reach.</summary>
/// <param name="Kind">What is counted.</param>
/// <param name="Value">How much: a speedup or a throughput at least, a time or parameters at most.</param>
public sealed record PruningTarget(PruningTargetKind Kind, double Value)
{
    /// <summary>Short, for names: <c>3x</c>, <c>5ms</c>, <c>900ps</c> (sequences per second), <c>30M</c>.</summary>
    public string Suffix => Kind switch
    {
        PruningTargetKind.Speedup => Number("0.##########x"),
        PruningTargetKind.Milliseconds => Number("0.####ms"),
        PruningTargetKind.Throughput => Number("0.####ps"),
        _ => Value >= 1e9 ? (Value / 1e9).ToString("0.###B", CultureInfo.InvariantCulture)
            : Value >= 1e6 ? (Value / 1e6).ToString("0.###M", CultureInfo.InvariantCulture)
            : Value >= 1e3 ? (Value / 1e3).ToString("0.###K", CultureInfo.InvariantCulture)
            : Number("0"),
    };

    /// <summary>What is asked for, in words: <c>a speedup of 3×</c>.</summary>
    public override string ToString() => Kind switch
    {
        PruningTargetKind.Speedup => Number("'a speedup of '0.##########×"),
        PruningTargetKind.Milliseconds => Number("'a latency of '0.######' ms'"),
        PruningTargetKind.Throughput => Number("'a throughput of '0.####' sequences per second'"),
        _ => Number("'a size of '#,0' parameters'"),
    };

    private string Number(string format) => Value.ToString(format, CultureInfo.InvariantCulture);
}
