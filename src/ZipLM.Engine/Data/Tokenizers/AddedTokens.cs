using System.Buffers;

namespace ZipLM.Engine.Data;

/// <summary>Finds added tokens in text; where two begin at one place, the longer one is meant.</summary>
internal sealed class AddedTokens
{
    private readonly AddedToken[] _tokens;
    private readonly SearchValues<string> _search;

    public AddedTokens(IEnumerable<AddedToken> tokens)
    {
        _tokens = [.. tokens.Where(token => token.Content.Length > 0).OrderByDescending(token => token.Content.Length)];
        _search = SearchValues.Create([.. _tokens.Select(token => token.Content)], StringComparison.Ordinal);
    }

    /// <summary>The text in parts that are not empty: tokens with their id, and what lies between them with id -1.</summary>
    public List<(int Id, int Start, int End)> Split(ReadOnlySpan<char> text)
    {
        var parts = new List<(int Id, int Start, int End)>();
        var done = 0;
        while (_tokens.Length > 0 && text[done..].IndexOfAny(_search) is var distance and >= 0)
        {
            var start = done + distance;
            var token = Longest(text[start..]);
            var end = start + token.Content.Length;
            while (token.EatsLeft && start > done && char.IsWhiteSpace(text[start - 1])) start--;
            while (token.EatsRight && end < text.Length && char.IsWhiteSpace(text[end])) end++;
            if (start > done) parts.Add((-1, done, start));
            parts.Add((token.Id, start, end));
            done = end;
        }

        if (done < text.Length) parts.Add((-1, done, text.Length));
        return parts;
    }

    private AddedToken Longest(ReadOnlySpan<char> text)
    {
        foreach (var token in _tokens)
        {
            if (text.StartsWith(token.Content, StringComparison.Ordinal)) return token;
        }

        throw new InvalidOperationException("No added token begins where one was found.");
    }
}
