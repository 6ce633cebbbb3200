using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>Asks a teacher for what the losses need, without a graph.</summary>
/// <param name="pairs">Its blocks that count; null when the token loss has no weight.</param>
internal sealed class Teacher(Transformer model, LossWeights weights, double temperature, LayerPairs? pairs)
{
    /// <summary>Its answer on a batch.</summary>
    public TeacherAnswer Ask(Batch batch)
    {
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var output = model.Forward(batch, new() { KeepHidden = pairs is not null, Head = weights.Logit > 0 });
        return new(
            weights.Logit > 0 ? Keep(output.Logits!) : null,
            null,
            [.. pairs?.Teacher(output.Hidden).Select(Keep) ?? []]);
    }

    /// <summary>Its answer on a batch in numbers that can be kept: one tensor for each of <see cref="Fields"/>, [batch, numbers] or [batch, length, numbers].</summary>
    public IReadOnlyList<Tensor> AskInShort(Batch batch)
    {
        using var answer = Ask(batch);
        using var gradients = no_grad();
        var all = new List<Tensor>();
        if (weights.Logit > 0 && batch.Task == ModelTask.CausalLanguageModeling)
        {
            var words = LikelyWords.Of(answer.Logits!, temperature);
            all.AddRange([words.Ids, words.LogProbabilities]);
        }
        else if (weights.Logit > 0)
        {
            all.Add(answer.Logits!.alias());
        }

        if (pairs is not null)
        {
            all.Add(cat([.. answer.Hidden], 2));
        }

        return all;
    }

    /// <summary>Rows to ask it for at a time: fewer where their answers are long. The same data gives the same rows.</summary>
    /// <param name="numbers">Most numbers of the answers.</param>
    /// <param name="most">Most rows.</param>
    public int RowsWithin(long numbers, int most, EncodedDataset data)
    {
        var words = data.Task is ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling && weights.Logit > 0 ? model.Embeddings.Words.Weight.shape[0] : 0;
        var hidden = pairs is null ? 0 : (pairs.TeacherBlocks.Count + model.Blocks.Count) * model.Embeddings.Words.Weight.shape[1];
        return (int)Math.Clamp(numbers / (data.Lengths.Max() * Math.Max(1, words + hidden)), 1, most);
    }

    /// <summary>What is kept of its answers.</summary>
    /// <param name="labels">Labels of a classifier.</param>
    public static IReadOnlyList<CacheField> Fields(ModelTask task, LossWeights weights, int labels, int vocabulary, int pairs, int width)
    {
        var words = Math.Min(LikelyWords.Count, vocabulary);
        CacheField[] logits = weights.Logit == 0 ? [] : task switch
        {
            ModelTask.CausalLanguageModeling =>
                [new("words", IsPerToken: true, words, ScalarType.Int32), new("log_probabilities", IsPerToken: true, words + 1, ScalarType.Float16)],
            ModelTask.QuestionAnswering => [new("logits", IsPerToken: true, 2, ScalarType.Float16)],
            _ => [new("logits", IsPerToken: false, labels, ScalarType.Float16)],
        };
        return pairs == 0 ? logits : [.. logits, new("hidden", IsPerToken: true, pairs * width, ScalarType.Float16) { IsGivenAsStored = true }];
    }

    /// <summary>The answer that kept numbers stand for; owns them.</summary>
    /// <param name="values">One tensor a field, in order.</param>
    public static TeacherAnswer FromShort(IReadOnlyList<CacheField> fields, IReadOnlyList<Tensor> values, int pairs)
    {
        var named = fields.Zip(values).ToDictionary(f => f.First.Name, f => f.Second, StringComparer.Ordinal);
        IReadOnlyList<Tensor> hidden = [];
        if (named.TryGetValue("hidden", out var all))
        {
            using (all)
            {
                hidden = [.. all.chunk(pairs, 2).Select(Keep)];
            }
        }

        return new(
            named.GetValueOrDefault("logits"),
            named.TryGetValue("words", out var ids) ? new(ids, named["log_probabilities"]) : null,
            hidden);
    }

    private static Tensor Keep(Tensor tensor) => StudentLoss.Precise(tensor).DetachFromDisposeScope();
}
