using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>Classifier or regression of an encoder: classifier(activation(dense(first token))).</summary>
/// <param name="inputDropout">Before the dense layer.</param>
/// <param name="dropout">Before the classifier.</param>
internal sealed class FirstTokenHead(Linear dense, Activation activation, Linear classifier, double inputDropout, double dropout) : Head
{
    public Linear Dense => dense;

    public Activation Activation => activation;

    public Linear Classifier => classifier;

    public override IEnumerable<WeightHolder> Holders => [dense, classifier];

    /// <returns>[batch, labels]</returns>
    public override Tensor Forward(Tensor hidden, Batch batch, ForwardOptions options)
    {
        var first = Drop(hidden.select(1, 0), inputDropout, options);
        return classifier.Apply(Drop(activation.Apply(dense.Apply(first)), dropout, options));
    }

    public override FirstTokenHead Copy(TokenEmbeddings embeddings) => new(dense.Copy(), activation, classifier.Copy(), inputDropout, dropout);
}
