using System.Globalization;

namespace ZipLM.Engine.Compression;

/// <summary>What a target comes to: the budget that a plan must stay within, and how far a measured model reaches.</summary>
internal static class TargetBudget
{
    /// <summary>The time that a model may take, in ms by the table; with parameters, their number.</summary>
    public static double Milliseconds(PruningTarget target, LatencyTable table) => target.Kind switch
    {
        PruningTargetKind.Speedup => table.DenseMilliseconds / target.Value,
        PruningTargetKind.Throughput => 1000 * table.Environment.BatchSize / target.Value,
        _ => target.Value,
    };

    /// <summary>What was measured as a share of the target; 1 keeps it. Parameters are not measured.</summary>
    public static double Attained(PruningTarget target, Speedup measured, InferenceEnvironment environment) => target.Kind switch
    {
        PruningTargetKind.Speedup => measured.Ratio / target.Value,
        PruningTargetKind.Milliseconds => target.Value / measured.Milliseconds,
        PruningTargetKind.Throughput => 1000 * environment.BatchSize / measured.Milliseconds / target.Value,
        _ => 1,
    };

    /// <summary>Refuses targets that no model could have.</summary>
    /// <exception cref="ZipLMException">A speedup is not above 1, or another target not above 0, or not finite.</exception>
    public static void Require(PruningTarget target)
    {
        if (target.Kind == PruningTargetKind.Speedup && !(target.Value > 1 && double.IsFinite(target.Value)))
        {
            throw new ZipLMException("SpeedupInvalid", ErrorKind.InvalidArgument,
                string.Create(CultureInfo.InvariantCulture, $"A speedup of {target.Value} would not make the model faster."), "Give a speedup above 1.", target.Value);
        }

        if (!(target.Value > 0 && double.IsFinite(target.Value)))
        {
            throw new ZipLMException("TargetInvalid", ErrorKind.InvalidArgument, $"No model has {target}.", "Give a number above 0.", target.Value);
        }
    }

    /// <summary>What to say of a target that the dense model keeps already, or that the smallest plan still misses; null = it is within reach.</summary>
    /// <param name="table">Times, or with a target of parameters their numbers.</param>
    /// <param name="smallest">The fastest plan's time, or the smallest plan's parameters.</param>
    public static ZipLMException? Refusal(PruningTarget target, LatencyTable table, double smallest)
    {
        var budget = Milliseconds(target, table);
        if (budget >= table.DenseMilliseconds)
        {
            return new("TargetReached", ErrorKind.InvalidArgument,
                string.Create(CultureInfo.InvariantCulture, $"There is nothing to prune for {target}: the dense model has {Of(target.Kind, table.DenseMilliseconds, table, up: false)}."),
                "Give a target that the dense model does not reach.", target.Value);
        }

        if (smallest <= budget)
        {
            return null;
        }

        var reachable = Of(target.Kind, smallest, table, up: true);
        var still = target.Kind == PruningTargetKind.Parameters
            ? string.Create(CultureInfo.InvariantCulture, $"the smallest plan still has {smallest:#,0} of {table.DenseMilliseconds:#,0} parameters")
            : string.Create(CultureInfo.InvariantCulture, $"the fastest plan still takes {smallest:0.###} of {table.DenseMilliseconds:0.###} ms");
        return new(target.Kind == PruningTargetKind.Speedup ? "SpeedupUnreachable" : "TargetUnreachable", ErrorKind.InvalidArgument,
            $"{char.ToUpperInvariant(target.ToString()[0])}{target.ToString()[1..]} cannot be reached, the {(IsAtLeast(target.Kind) ? "largest" : "smallest")} that can is {reachable}: {still}.",
            $"Ask for {reachable} or {(IsAtLeast(target.Kind) ? "less" : "more")}, or start from a model with fewer layers.", target.Value);
    }

    /// <summary>A number of parameters as a target of this kind would name it.</summary>
    private static string Of(PruningTargetKind kind, double amount, LatencyTable table, bool up) => kind switch
    {
        // Rounded to what can be reached.
        PruningTargetKind.Speedup => (Math.Floor(table.DenseMilliseconds / amount * 100) / 100).ToString("0.00×", CultureInfo.InvariantCulture),
        PruningTargetKind.Throughput => Math.Floor(1000 * table.Environment.BatchSize / amount).ToString("0' sequences per second'", CultureInfo.InvariantCulture),
        PruningTargetKind.Milliseconds => (up ? Math.Ceiling(amount * 1000) / 1000 : amount).ToString("0.###' ms'", CultureInfo.InvariantCulture),
        _ => amount.ToString("#,0' parameters'", CultureInfo.InvariantCulture),
    };

    private static bool IsAtLeast(PruningTargetKind kind) => kind is PruningTargetKind.Speedup or PruningTargetKind.Throughput;
}
