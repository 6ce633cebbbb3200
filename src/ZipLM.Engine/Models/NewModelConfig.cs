using System.Text.Json.Nodes;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Models;

/// <summary>The config of a new model for a task.</summary>
internal static class NewModelConfig
{
    /// <exception cref="ZipLMException">A classifier has fewer than two labels to tell apart.</exception>
    public static JsonObject Create(ModelSize size, Tokenizer tokenizer, ModelTask task, IReadOnlyList<string> labels) => task switch
    {
        ModelTask.CausalLanguageModeling => Gpt2(size, tokenizer),
        ModelTask.SequenceClassification => Bert(size, tokenizer, "BertForSequenceClassification", labels.Count > 1 ? labels : throw new ZipLMException(
            "LabelsTooFew", ErrorKind.InvalidArgument, $"The data has {labels.Count} label(s), and a classifier tells at least two apart.",
            "Give data with labels, or another -Task.")),
        ModelTask.Regression => Bert(size, tokenizer, "BertForSequenceClassification", ["score"]),
        ModelTask.QuestionAnswering => Bert(size, tokenizer, "BertForQuestionAnswering", []),
        ModelTask.MaskedLanguageModeling => Bert(size, tokenizer, "BertForMaskedLM", []),
        _ => Bert(size, tokenizer, "BertModel", []),
    };

    private static JsonObject Bert(ModelSize size, Tokenizer tokenizer, string architecture, IReadOnlyList<string> labels) =>
        Models.Bert.NewConfig(size.HiddenSize, size.Layers, size.Heads, size.Width, tokenizer.Count, size.MaximumSequenceLength, labels, architecture);

    private static JsonObject Gpt2(ModelSize size, Tokenizer tokenizer) => new()
    {
        ["architectures"] = new JsonArray("GPT2LMHeadModel"),
        ["model_type"] = "gpt2",
        ["n_embd"] = size.HiddenSize,
        ["n_layer"] = size.Layers,
        ["n_head"] = size.Heads,
        ["n_inner"] = size.Width,
        ["n_positions"] = size.MaximumSequenceLength,
        ["vocab_size"] = tokenizer.Count,
        ["activation_function"] = "gelu_new",
        ["layer_norm_epsilon"] = 1e-5,
        ["initializer_range"] = 0.02,
        ["resid_pdrop"] = 0.1,
        ["embd_pdrop"] = 0.1,
        ["attn_pdrop"] = 0.1,
        ["tie_word_embeddings"] = true,
    };
}
