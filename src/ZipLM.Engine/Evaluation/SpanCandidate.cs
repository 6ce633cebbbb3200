using ZipLM.Engine.Data;

namespace ZipLM.Engine.Evaluation;

/// <summary>A part of a context that may be the answer.</summary>
/// <param name="Start">Where it begins in the context, in UTF-16 units.</param>
/// <param name="End">Where it ends, exclusive.</param>
/// <param name="Score">Score of its start plus score of its end: comparable between the windows of a context.</param>
internal readonly record struct SpanCandidate(int Start, int End, float Score)
{
    /// <summary>Starts and ends that are paired, as the published scripts have it.</summary>
    private const int Considered = 20;

    /// <summary>Most tokens of an answer, as the published scripts have it.</summary>
    private const int LongestAnswer = 30;

    /// <summary>The best span of a window that lies in the context, does not end before it starts and is not too long; null where there is none.</summary>
    /// <param name="scores">Start and end of each token, in turns.</param>
    public static SpanCandidate? Best(EncodedExample window, ReadOnlySpan<float> scores)
    {
        var values = scores.ToArray();
        var context = Enumerable.Range(0, window.Length).Where(t => window.Texts[t] == 1).ToList();
        var starts = context.OrderByDescending(t => values[2 * t]).Take(Considered).ToList();
        var ends = context.OrderByDescending(t => values[(2 * t) + 1]).Take(Considered).ToList();
        SpanCandidate? best = null;
        foreach (var start in starts)
        {
            foreach (var end in ends.Where(end => end >= start && end < start + LongestAnswer))
            {
                var score = values[2 * start] + values[(2 * end) + 1];
                if (!(best?.Score >= score))
                {
                    best = new(window.Offsets[start].Start, window.Offsets[end].End, score);
                }
            }
        }

        return best;
    }
}
