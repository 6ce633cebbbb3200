namespace ZipLM.Engine.Data;

/// <summary>A data set as tokens: every row is tokenised once and then used in every epoch.</summary>
internal sealed class EncodedDataset
{
    private EncodedDataset(IReadOnlyList<EncodedExample> examples, int padId)
    {
        Examples = examples;
        PadId = padId;
        Lengths = [.. examples.Select(example => example.Length)];
    }

    /// <summary>The rows, in the order of the data set.</summary>
    public IReadOnlyList<EncodedExample> Examples { get; }

    /// <summary>Tokens of each row.</summary>
    public IReadOnlyList<int> Lengths { get; }

    /// <summary>The id that fills short rows.</summary>
    public int PadId { get; }

    /// <summary>Tokenises a data set.</summary>
    /// <param name="dataset">The rows.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="maximumLength">Most tokens of a row, special ones included; longer rows are cut.</param>
    /// <param name="cancellationToken">Stops between rows.</param>
    public static EncodedDataset Encode(
        TextDataset dataset, Tokenizer tokenizer, int maximumLength, CancellationToken cancellationToken)
    {
        var examples = new EncodedExample[dataset.Count];
        for (var i = 0; i < examples.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var row = dataset.Examples[i];
            var tokens = tokenizer.Encode(row.Text, row.TextPair, maximumLength);
            examples[i] = new EncodedExample(tokens.Ids, tokens.TypeIds, row.Label);
        }

        return new EncodedDataset(examples, tokenizer.PadId);
    }

    /// <summary>The smallest length that this share of the rows does not exceed (nearest rank).</summary>
    /// <param name="share">Above 0, at most 1.</param>
    public int LengthPercentile(double share)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(share);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(share, 1);
        // A share such as 0.95 lies a hair above itself in binary; without the slack 19 of 20 would become 20 of 20.
        var rank = (int)Math.Ceiling(share * Lengths.Count - 1e-9);
        return Lengths.Order().ElementAt(Math.Max(rank, 1) - 1);
    }
}
