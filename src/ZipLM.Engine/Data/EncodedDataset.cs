namespace ZipLM.Engine.Data;

/// <summary>A data set as tokens: every row is tokenised once and then used in every epoch.</summary>
internal sealed class EncodedDataset
{
    private EncodedDataset(IReadOnlyList<EncodedExample> examples, ModelTask task, int padId, Masking? masking)
    {
        Examples = examples;
        Task = task;
        PadId = padId;
        Masking = masking;
        Lengths = [.. examples.Select(example => example.Length)];
    }

    /// <summary>The rows, in the order of the data set; those that are cut into windows are several.</summary>
    public IReadOnlyList<EncodedExample> Examples { get; }

    /// <summary>Tokens of each row.</summary>
    public IReadOnlyList<int> Lengths { get; }

    /// <summary>What the model is to answer.</summary>
    public ModelTask Task { get; }

    /// <summary>Whether every row says what is right; a language model's own text does.</summary>
    public bool HasTargets => Task switch
    {
        ModelTask.SequenceClassification => Examples.All(e => e.Label is not null),
        ModelTask.Regression => Examples.All(e => e.Score is not null),
        ModelTask.QuestionAnswering => Examples.All(e => e.Span is not null),
        ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling => true,
        _ => false,
    };

    /// <summary>The id that fills short rows.</summary>
    public int PadId { get; }

    /// <summary>Hides tokens from a masked language model; null for other tasks.</summary>
    public Masking? Masking { get; }

    /// <summary>Tokenises a data set.</summary>
    /// <param name="dataset">The rows.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="maximumLength">Most tokens of a row, special ones included; longer rows are cut, or, for questions and causal language modeling, give several windows.</param>
    /// <param name="cancellationToken">Stops between rows.</param>
    /// <param name="task">What the model is to answer.</param>
    /// <param name="stride">Tokens that neighbouring windows share; null = none for causal language modeling, and <see cref="SpanWindows.DefaultStride"/> for questions.</param>
    /// <param name="seed">Seed of what is hidden from a masked language model.</param>
    public static EncodedDataset Encode(
        TextDataset dataset, Tokenizer tokenizer, int maximumLength, CancellationToken cancellationToken,
        ModelTask task = ModelTask.SequenceClassification, int? stride = null, int seed = 0)
    {
        var examples = new List<EncodedExample>(dataset.Count);
        foreach (var (row, example) in dataset.Examples.Index())
        {
            cancellationToken.ThrowIfCancellationRequested();
            switch (task)
            {
                case ModelTask.QuestionAnswering:
                    examples.AddRange(SpanWindows.Encode(example, row, tokenizer, maximumLength, stride));
                    break;
                case ModelTask.CausalLanguageModeling:
                    examples.AddRange(TextWindows.Encode(example, row, tokenizer, maximumLength, stride ?? 0));
                    break;
                default:
                    var tokens = tokenizer.Encode(example.Text, example.TextPair, maximumLength);
                    examples.Add(new(tokens.Ids, tokens.TypeIds, example.Label)
                    {
                        Row = row,
                        Score = example.Score,
                        Texts = task == ModelTask.MaskedLanguageModeling ? tokens.Texts : [],
                    });
                    break;
            }
        }

        return new(examples, task, tokenizer.PadId, task == ModelTask.MaskedLanguageModeling ? Masking.Of(tokenizer, seed) : null);
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
