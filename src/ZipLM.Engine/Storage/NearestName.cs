namespace ZipLM.Engine.Storage;

/// <summary>The known name that a mistyped one was probably meant to be.</summary>
internal static class NearestName
{
    /// <summary>The name with the least edit distance; null where none is close: at most a third of the letters may differ, one always.</summary>
    public static string? Of(string name, IEnumerable<string> known) => known
        .Select(k => (Name: k, Distance: Distance(name, k)))
        .Where(k => k.Distance <= Math.Max(1, Math.Max(name.Length, k.Name.Length) / 3))
        .OrderBy(k => k.Distance).ThenBy(k => k.Name, StringComparer.Ordinal)
        .Select(k => k.Name).FirstOrDefault();

    /// <summary>Letters to insert, delete or replace, capitals counting as small ones (Levenshtein, 1966).</summary>
    internal static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = diagonal + (char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1);
                (diagonal, row[j]) = (row[j], Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1));
            }
        }

        return row[b.Length];
    }
}
