using System.Diagnostics;

namespace ZipLM.Engine.Latency;

/// <summary>
/// Times several things in turns, round by round, so that a drift of the machine's speed hits all of them alike.
/// </summary>
/// <param name="synchronize">Waits until the device has finished what was asked of it.</param>
internal sealed class InterleavedTimer(Action synchronize)
{
    /// <summary>Times every case once a round, after rounds of warm-up, in an order that alternates.</summary>
    /// <returns>Milliseconds, [case][round].</returns>
    public double[][] Measure(IReadOnlyList<Action> cases, int warmUpRounds, int rounds, CancellationToken cancellationToken, Action<int>? roundDone = null)
    {
        var times = cases.Select(_ => new double[rounds]).ToArray();
        for (var round = -warmUpRounds; round < rounds; round++)
        {
            for (var i = 0; i < cases.Count; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                // Forwards and backwards in turns: no case always runs behind the same neighbour's cache.
                var index = (round & 1) == 0 ? i : cases.Count - 1 - i;
                synchronize();
                var start = Stopwatch.GetTimestamp();
                cases[index]();
                synchronize();
                if (round >= 0)
                {
                    times[index][round] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                }
            }

            roundDone?.Invoke(Math.Max(round, 0));
        }

        return times;
    }
}
