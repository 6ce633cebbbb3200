namespace ZipLM.Engine.Data;

/// <summary>SentencePiece's spaces: each becomes a visible character, and a word begins at each.</summary>
/// <param name="replacement">The visible character.</param>
/// <param name="scheme">Which words get one before them when they have none.</param>
/// <param name="splits">False keeps each text in one piece.</param>
internal sealed class MetaspaceSplitter(char replacement, PrefixScheme scheme, bool splits) : ISplitter
{
    public SplitText Split(SplitText text)
    {
        var result = new NormalizedText(text.Text.Length + text.Words.Count);
        var words = new List<(int Start, int End)>(text.Words.Count);
        foreach (var (start, end) in text.Words)
        {
            var first = result.Length;
            var (from, to) = text.Text.OriginalRange(start, start + 1);
            var begins = text.Text[start] == ' ' || text.Text[start] == replacement;
            if (!begins && (scheme == PrefixScheme.Always || (scheme == PrefixScheme.First && from == 0))) result.Append([replacement], from, to);
            for (var i = start; i < end; i++)
            {
                var space = text.Text[i] == ' ' || text.Text[i] == replacement;
                if (space && splits && result.Length > first)
                {
                    words.Add((first, result.Length));
                    first = result.Length;
                }

                if (space) result.Append([replacement], text.Text.OriginalRange(i, i + 1).Start, text.Text.OriginalRange(i, i + 1).End);
                else result.Append(text.Text, i, i + 1);
            }

            words.Add((first, result.Length));
        }

        return new SplitText(result, words);
    }
}
