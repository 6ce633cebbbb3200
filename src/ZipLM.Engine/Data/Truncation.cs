namespace ZipLM.Engine.Data;

/// <summary>How much of two texts is kept when both don't fit.</summary>
internal static class Truncation
{
    /// <summary>Shortens the longer text first, and both to halves when even the shorter one has more than half; an odd token goes to the longer text.</summary>
    /// <param name="first">Tokens of the first text.</param>
    /// <param name="second">Tokens of the second text; 0 when there is none.</param>
    /// <param name="budget">Tokens that both together may keep.</param>
    public static (int First, int Second) LongestFirst(int first, int second, int budget)
    {
        if (first + second <= budget) return (first, second);
        var shorter = Math.Min(Math.Min(first, second), budget / 2);
        return first > second ? (budget - shorter, shorter) : (shorter, budget - shorter);
    }
}
