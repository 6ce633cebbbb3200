namespace ZipLM.Engine.Latency;

/// <summary>
/// Times several things in turns, round by round, so that a drift of the machine's speed hits all of them alike.
/// </summary>
/// <param name="synchronize">Waits until the device has finished what was asked of it.</param>
/// <param name="time">The clock; the system's unless given.</param>
internal sealed class InterleavedTimer(Action synchronize, TimeProvider? time = null)
{
    /// <summary>How long the runtime takes to compile what is called often once more and better, which shows as a fall of all times.</summary>
    private static readonly TimeSpan Compiling = TimeSpan.FromSeconds(0.5);

    /// <summary>A machine that never settles is measured as it is.</summary>
    private static readonly TimeSpan LongestWarmUp = TimeSpan.FromSeconds(10);

    private const int MostWindows = 20;

    /// <summary>A median that falls by more than this share between two windows has not settled.</summary>
    private const double Settled = 0.03;

    /// <summary>
    /// A case that takes fewer ms than this runs once untimed before it is timed: it then finds the caches as it left them
    /// itself, as where a small model is served, and not as another case did.
    /// </summary>
    private const double Short = 5;

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private TimeSpan _spent;

    /// <summary>Times every case once a round, after a warm-up, in an order that alternates.</summary>
    /// <param name="warmUpRounds">Rounds of each window of warm-up; 0 = none.</param>
    /// <param name="rounds">How many.</param>
    /// <param name="roundDone">Called after each round with its number from 0; below 0 while it warms up.</param>
    /// <returns>Milliseconds, [case][round].</returns>
    public double[][] Measure(IReadOnlyList<Action> cases, int warmUpRounds, RoundPlan rounds, CancellationToken cancellationToken, Action<int>? roundDone = null)
    {
        var isShort = warmUpRounds > 0
            ? [.. WarmUp(cases, warmUpRounds, () => roundDone?.Invoke(-1), cancellationToken).Select(milliseconds => milliseconds < Short)]
            : new bool[cases.Count];
        var start = _time.GetTimestamp();
        var times = Rounds(cases, isShort, rounds.First, roundDone, cancellationToken);
        while (rounds.IsEnough is { } isEnough && _time.GetElapsedTime(start) is var spent
            && (spent < rounds.Shortest || (spent < rounds.Longest && !isEnough(times))))
        {
            var before = times[0].Length;
            var more = Rounds(cases, isShort, rounds.First, round => roundDone?.Invoke(before + round), cancellationToken);
            times = [.. times.Zip(more, (t, m) => (double[])[.. t, .. m])];
        }

        return times;
    }

    /// <summary>
    /// Windows of rounds until the runtime has had its time and no case gets faster any more. The time counts over the life
    /// of this timer, since code stays compiled; a slow model's first window is longer than that and enough.
    /// </summary>
    /// <returns>The medians of the last window, in ms.</returns>
    private double[] WarmUp(IReadOnlyList<Action> cases, int rounds, Action roundDone, CancellationToken cancellationToken)
    {
        var start = _time.GetTimestamp();
        var before = _spent;
        var cold = new bool[cases.Count];
        double[]? last = null;
        for (var (window, falling) = (0, false);
            _spent < Compiling || (falling && window < MostWindows && _time.GetElapsedTime(start) < LongestWarmUp);
            window++)
        {
            var medians = Window();
            falling = last is not null && medians.Zip(last).Any(m => m.First < m.Second * (1 - Settled));
            last = medians;
            _spent = before + _time.GetElapsedTime(start);
        }

        return last ?? Window();

        double[] Window() => [.. Rounds(cases, cold, rounds, _ => roundDone(), cancellationToken).Select(t => MedianInterval.Of(t).Median)];
    }

    /// <param name="runsFirst">The cases that run once untimed before they are timed.</param>
    private double[][] Rounds(IReadOnlyList<Action> cases, bool[] runsFirst, int rounds, Action<int>? roundDone, CancellationToken cancellationToken)
    {
        var times = cases.Select(_ => new double[rounds]).ToArray();
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < cases.Count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                // Forwards and backwards in turns: no case always runs behind the same neighbour's cache.
                var index = (round & 1) == 0 ? i : cases.Count - 1 - i;
                if (runsFirst[index])
                {
                    cases[index]();
                }

                synchronize();
                var start = _time.GetTimestamp();
                cases[index]();
                synchronize();
                times[index][round] = _time.GetElapsedTime(start).TotalMilliseconds;
            }

            roundDone?.Invoke(round);
        }

        return times;
    }
}
