using ZipLM.Engine.Data;
using ZipLM.Engine.Models;

namespace ZipLM.Benchmarks;

/// <summary>
/// <c>--model bert-base | gpt2 | DIRECTORY [--size mini]</c>: a shape with random weights, or a model's. GPT-2's is small
/// unless said otherwise, because a text takes as many passes as it has tokens.
/// </summary>
internal static class ModelShapes
{
    /// <summary>Null where the options name a directory.</summary>
    public static ModelDescription? Random(Options options, Tokenizer tokenizer) => options.Text("model") switch
    {
        null or "bert-base" => BertBase.Describe(),
        "gpt2" => ModelFamilies.Describe(
            NewModelConfig.Create(ModelSize.Published[options.Text("size") ?? "mini"], tokenizer, ModelTask.CausalLanguageModeling, []), "gpt2"),
        _ => null,
    };
}
