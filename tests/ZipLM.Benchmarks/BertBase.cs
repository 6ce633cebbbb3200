using ZipLM.Engine.Models;

namespace ZipLM.Benchmarks;

/// <summary>The shape of BERT-base with a classifier: 12 layers, hidden size 768, 12 heads, width 3072.</summary>
internal static class BertBase
{
    public static ModelDescription Describe()
    {
        var size = ModelSize.Published["base"];
        return ModelFamilies.Describe(Bert.NewConfig(size.HiddenSize, size.Layers, size.Heads, size.Width, 30522, size.MaximumSequenceLength, ["a", "b", "c"]), "bert-base");
    }
}
