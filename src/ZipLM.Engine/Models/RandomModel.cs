using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Models;

/// <summary>Weights that were never trained: a new model, or one whose time alone matters.</summary>
internal static class RandomModel
{
    /// <summary>Random weights of a description on a session's device; the caller owns them.</summary>
    public static Transformer Create(ModelDescription description, TorchSession session, CancellationToken cancellationToken)
    {
        var deviation = new ConfigReader(description.Config, description.Where).Number("initializer_range", 0.02);
        return description.Family.Build(description, RandomWeights.Create(
            description.Family.Tensors(description), session.Seed, deviation, session.TorchDevice, session.ScalarType, cancellationToken));
    }
}
