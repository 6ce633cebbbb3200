using TorchSharp.Modules;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>From hidden states to a score for each word: the word embeddings again (tied), or a matrix of its own.</summary>
/// <param name="name">Full name of the matrix of its own.</param>
/// <param name="tied">The embeddings that are shared; null where <paramref name="weight"/> is given.</param>
/// <param name="weight">[vocabulary, hidden]; null where it is tied.</param>
/// <param name="biasName">Full name of the bias; null where there is none.</param>
/// <param name="bias">[vocabulary], or null.</param>
internal sealed class Decoder(string name, Embedding? tied, Parameter? weight, string? biasName, Parameter? bias) : WeightHolder(name)
{
    public Parameter Weight => weight ?? tied!.Weight;

    public Parameter? Bias => bias;

    /// <summary>Its own parameters: what is tied belongs to the embeddings.</summary>
    public override IEnumerable<(string Name, Parameter Parameter)> Parameters =>
        new[] { (Name, weight), (biasName!, bias) }.Where(p => p.Item2 is not null).Select(p => (p.Item1, p.Item2!));

    public Tensor Apply(Tensor x) => nn.functional.linear(x, Weight, bias);

    public Decoder Copy(TokenEmbeddings embeddings) =>
        new(Name, tied is null ? null : embeddings.Words, weight is null ? null : Own(weight), biasName, bias is null ? null : Own(bias));
}
