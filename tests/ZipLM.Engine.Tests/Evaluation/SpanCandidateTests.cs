using Xunit;
using ZipLM.Engine.Data;
using ZipLM.Engine.Evaluation;

namespace ZipLM.Engine.Tests.Evaluation;

/// <summary>The best span of a window, as the published scripts pick it: the 20 best starts and ends, 30 tokens at most.</summary>
public sealed class SpanCandidateTests
{
    private const int Length = 60;

    /// <summary>Token t of the context begins at 10 t and ends 5 later; the first four tokens are the question's.</summary>
    private static readonly EncodedExample Window = new(new int[Length], new int[Length], null)
    {
        Texts = [.. Enumerable.Range(0, Length).Select(t => t < 4 ? 0 : 1)],
        Offsets = [.. Enumerable.Range(0, Length).Select(t => (10 * t, (10 * t) + 5))],
    };

    private static SpanCandidate? Best(Func<int, float> start, Func<int, float> end) =>
        SpanCandidate.Best(Window, [.. Enumerable.Range(0, Length).SelectMany(t => new[] { start(t), end(t) })]);

    [Theory]
    [InlineData(10, 39, 10, 39)]
    [InlineData(10, 40, 40, 40)]
    [InlineData(30, 20, 30, 30)]
    public void An_answer_is_at_most_30_tokens_and_does_not_end_before_it_starts(int start, int end, int expectedStart, int expectedEnd)
    {
        // Where the best pair won't do, one of the two stands with what is next best beside it.
        var best = Best(t => t == start ? 9 : t == end ? 1 : 0, t => t == end ? (end > start ? 9.5f : 5) : t == start ? 1 : 0)!.Value;
        Assert.Equal((10 * expectedStart, (10 * expectedEnd) + 5), (best.Start, best.End));
    }

    [Fact]
    public void Only_the_20_best_starts_and_ends_are_paired()
    {
        // The 20 best starts stand behind the 20 best ends: no pair of them is a span, though others would be.
        Assert.Null(Best(t => t >= 40 ? 9 : 0, t => t is >= 4 and < 24 ? 9 : 0));
        // With the 20th end behind the last start there is one.
        var best = Best(t => t >= 40 ? 9 + t : 0, t => t is >= 4 and < 23 ? 9 : t == 59 ? 5 : 0)!.Value;
        Assert.Equal((590, 595, 73f), (best.Start, best.End, best.Score));
    }

    [Fact]
    public void The_question_is_no_answer() => Assert.Equal((50, 55), Best(t => t == 2 ? 99 : t == 5 ? 1 : 0, t => t == 3 ? 99 : t == 5 ? 1 : 0) is { } best ? (best.Start, best.End) : default);
}
