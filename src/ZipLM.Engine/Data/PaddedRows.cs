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

    /// <summary>Which rows of the encoded data these are.</summary>
    public int[] Rows { get; }

    public int Count => Rows.Length;

    /// <summary>Tokens of a row, padding included.</summary>
    public int Length { get; }

    public long[] Ids { get; }

    public long[] TypeIds { get; }

    /// <summary>True where there is a token, false where there is padding.</summary>
    public bool[] Mask { get; }

    /// <summary>What the model that reads them is to answer.</summary>
    public ModelTask Task { get; private init; }

    /// <summary>The rows themselves; empty where they are random.</summary>
    public IReadOnlyList<EncodedExample> Examples { get; private init; } = [];

    /// <summary>For masked language modeling the tokens that were hidden, <see cref="TaskTargets.None"/> elsewhere; else empty.</summary>
    public long[] Told { get; private set; } = [];

    /// <summary>Tokens that are not padding.</summary>
    public int TokenCount { get; private set; }

    /// <summary>What there is to answer: rows, or of a language model the tokens to tell.</summary>
    public long TargetCount => TaskTargets.Count(Task, Examples, Told);

    /// <summary>Collects rows of a data set.</summary>
    /// <param name="epoch">Which pass over the rows: another one hides other tokens from a masked language model.</param>
    public static PaddedRows From(EncodedDataset dataset, int[] rows, int epoch = 0)
    {
        if (rows.Length == 0) throw new ArgumentException("A batch needs a row.", nameof(rows));
        var examples = rows.Select(row => dataset.Examples[row]).ToArray();
        var result = new PaddedRows(rows, examples.Max(example => example.Length)) { Task = dataset.Task, Examples = examples };
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

        if (dataset.Masking is { } masking) result.Hide(masking, epoch);
        return result;
    }

    /// <summary>Random tokens for measuring time, which does not depend on what the tokens are.</summary>
    /// <param name="padded">
    /// The last of several rows is one token shorter where it can be: a batch of real texts has padding, and a model that
    /// looks at the mask does other work.
    /// </param>
    public static PaddedRows Random(int count, int length, int vocabularySize, int seed, bool padded = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        var result = new PaddedRows([.. Enumerable.Range(0, count)], length);
        var random = new Random(seed);
        for (var i = 0; i < result.Ids.Length; i++) result.Ids[i] = random.Next(vocabularySize);
        Array.Fill(result.Mask, true);
        result.Mask[^1] = !padded || count == 1 || length == 1;
        result.TokenCount = result.Mask.Count(isToken => isToken);
        return result;
    }

    private void Hide(Masking masking, int epoch)
    {
        Told = new long[Ids.Length];
        Array.Fill(Told, TaskTargets.None);
        foreach (var (row, example) in Examples.Index())
        {
            foreach (var (token, shown) in masking.Hide(example, Rows[row], epoch))
            {
                var at = (row * Length) + token;
                Told[at] = Ids[at];
                Ids[at] = shown;
            }
        }
    }
}
