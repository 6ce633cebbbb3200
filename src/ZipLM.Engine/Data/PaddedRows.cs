namespace ZipLM.Engine.Data;

/// <summary>The rows of one batch, padded to the longest of them; row-major arrays of Count × Length.</summary>
internal sealed class PaddedRows
{
    private PaddedRows(int[] rows, int length)
    {
        Rows = rows;
        Length = length;
        Ids = new long[rows.Length * length];
        TypeIds = new long[rows.Length * length];
        Mask = new bool[rows.Length * length];
    }

    /// <summary>Which rows of the data set these are.</summary>
    public int[] Rows { get; }

    public int Count => Rows.Length;

    /// <summary>Tokens of a row, padding included.</summary>
    public int Length { get; }

    public long[] Ids { get; }

    public long[] TypeIds { get; }

    /// <summary>True where there is a token, false where there is padding.</summary>
    public bool[] Mask { get; }

    /// <summary>One label for each row; null when a row has none.</summary>
    public long[]? Labels { get; private init; }

    /// <summary>Tokens that are not padding.</summary>
    public int TokenCount { get; private set; }

    /// <summary>Collects rows of a data set.</summary>
    public static PaddedRows From(EncodedDataset dataset, int[] rows)
    {
        if (rows.Length == 0) throw new ArgumentException("A batch needs a row.", nameof(rows));
        var examples = rows.Select(row => dataset.Examples[row]).ToArray();
        var result = new PaddedRows(rows, examples.Max(example => example.Length))
        {
            Labels = examples.All(example => example.Label is not null) ? [.. examples.Select(example => (long)example.Label!.Value)] : null,
        };
        Array.Fill(result.Ids, dataset.PadId);
        for (var row = 0; row < examples.Length; row++)
        {
            var example = examples[row];
            var at = row * result.Length;
            example.Ids.CopyTo(result.Ids, at);
            example.TypeIds.CopyTo(result.TypeIds, at);
            result.Mask.AsSpan(at, example.Length).Fill(true);
            result.TokenCount += example.Length;
        }

        return result;
    }

    /// <summary>Random tokens without padding, for measuring time, which does not depend on what the tokens are.</summary>
    public static PaddedRows Random(int count, int length, int vocabularySize, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        var result = new PaddedRows([.. Enumerable.Range(0, count)], length) { TokenCount = count * length };
        var random = new Random(seed);
        for (var i = 0; i < result.Ids.Length; i++) result.Ids[i] = random.Next(vocabularySize);
        Array.Fill(result.Mask, true);
        return result;
    }
}
