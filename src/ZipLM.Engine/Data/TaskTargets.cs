using static TorchSharp.torch;

namespace ZipLM.Engine.Data;

/// <summary>What is right for the rows of a batch, as each task has it; <see cref="Batch.Targets"/> says the shapes.</summary>
internal static class TaskTargets
{
    /// <summary>Stands where a language model has no token to tell.</summary>
    public const long None = -100;

    /// <summary>The targets, or null where a row does not say what is right, and for a model without a task.</summary>
    /// <param name="told">For masked language modeling the hidden tokens, [rows × length], <see cref="None"/> where none is; else unused.</param>
    public static Tensor? Of(ModelTask task, IReadOnlyList<EncodedExample> examples, int length, long[] told, Device device)
    {
        long rows = examples.Count;
        switch (task)
        {
            case ModelTask.SequenceClassification when examples.All(e => e.Label is not null):
                return tensor([.. examples.Select(e => (long)e.Label!.Value)], [rows], ScalarType.Int64, device);
            case ModelTask.Regression when examples.All(e => e.Score is not null):
                return tensor([.. examples.Select(e => (float)e.Score!.Value)], [rows], ScalarType.Float32, device);
            case ModelTask.QuestionAnswering when examples.All(e => e.Span is not null):
                return tensor([.. examples.SelectMany(e => new long[] { e.Span!.Value.Start, e.Span.Value.End })], [rows, 2], ScalarType.Int64, device);
            case ModelTask.CausalLanguageModeling:
                return tensor(Next(examples, length), [rows, length], ScalarType.Int64, device);
            case ModelTask.MaskedLanguageModeling:
                return tensor(told, [rows, length], ScalarType.Int64, device);
            default:
                return null;
        }
    }

    /// <summary>How many there are: rows, or of a language model the tokens to tell.</summary>
    /// <param name="told">As above.</param>
    public static long Count(ModelTask task, IReadOnlyList<EncodedExample> examples, long[] told) => task switch
    {
        ModelTask.CausalLanguageModeling => examples.Sum(e => Math.Max(0L, e.Length - Math.Max(1, e.FirstScored))),
        ModelTask.MaskedLanguageModeling => told.LongCount(t => t != None),
        _ => examples.Count,
    };

    /// <summary>At each token the one after it; none at the last one, at padding, and where the next is there to be read alone.</summary>
    private static long[] Next(IReadOnlyList<EncodedExample> examples, int length)
    {
        var next = new long[examples.Count * length];
        Array.Fill(next, None);
        foreach (var (row, example) in examples.Index())
        {
            for (var token = Math.Max(1, example.FirstScored); token < example.Length; token++)
            {
                next[(row * length) + token - 1] = example.Ids[token];
            }
        }

        return next;
    }
}
