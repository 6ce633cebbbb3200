using ZipLM.Engine.Models;

namespace ZipLM.Engine.Latency;

/// <summary>
/// What executes models when they are measured: makes them ready to run in one environment's shape of batch, on random
/// tokens, with padding where there are several rows (<see cref="Data.PaddedRows.Random"/>). Where texts are generated, a pass
/// writes a whole one, from prompts of one length. Single levels are measured as models too, made of nothing else (<see cref="LatencyCases"/>).
/// </summary>
internal interface IModelRuntime : IDisposable
{
    /// <summary>What times that are taken here are true for.</summary>
    InferenceEnvironment Environment { get; }

    /// <summary>A model, ready to run.</summary>
    /// <param name="model">Lives as long as the pass.</param>
    /// <param name="owned">The pass frees the model, as soon as it does not need it any more.</param>
    /// <exception cref="ZipLMException">The runtime does not know a part of the model.</exception>
    ForwardPass Load(Transformer model, bool owned = false);

    /// <summary>Makes true what the environment says of threads until it is disposed: passes run in between.</summary>
    IDisposable Begin();

    /// <summary>Waits until the device has done what was asked of it.</summary>
    void Synchronize();
}
