using ZipLM.Engine.Data;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>A score for each word of the vocabulary at each token: decoder(x), or decoder(norm(activation(dense(x)))).</summary>
/// <param name="transform">What masked-LM heads put before the decoder; null for causal models.</param>
internal sealed class LanguageModelHead(Decoder decoder, (Linear Dense, Activation Activation, Norm Norm)? transform = null) : Head
{
    public Decoder Decoder => decoder;

    public (Linear Dense, Activation Activation, Norm Norm)? Transform => transform;

    public override bool IsTask => transform is null;

    public override IEnumerable<WeightHolder> Holders => transform is var (dense, _, norm) ? [dense, norm, decoder] : [decoder];

    /// <returns>[batch, length, vocabulary]</returns>
    public override Tensor Forward(Tensor hidden, Batch batch, ForwardOptions options) =>
        decoder.Apply(transform is var (dense, activation, norm) ? norm.Apply(activation.Apply(dense.Apply(hidden))) : hidden);

    public override LanguageModelHead Copy(TokenEmbeddings embeddings) =>
        new(decoder.Copy(embeddings), transform is var (dense, activation, norm) ? (dense.Copy(), activation, norm.Copy()) : null);
}
