using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Latency;

/// <summary>Models in libtorch, on the session's device and in its precision.</summary>
internal sealed class TorchRuntime(TorchSession session, int batchSize, int sequenceLength, int generatedTokens = 0) : IModelRuntime
{
    private readonly Dictionary<long, (Batch Prompt, Batch Next)> _batches = [];

    public InferenceEnvironment Environment { get; } = new(
        session.Device, session.DeviceName, InferenceRuntime.Torch, session.Precision, batchSize, sequenceLength, session.Threads, NativeLibraries.TorchVersion)
    {
        GeneratedTokens = generatedTokens,
    };

    public ForwardPass Load(Transformer model, bool owned = false)
    {
        var words = model.Embeddings.Words.Weight.shape[0];
        if (!_batches.TryGetValue(words, out var batches))
        {
            _batches[words] = batches = (Random(sequenceLength), Random(1));
        }

        return new(() =>
        {
            using var gradients = inference_mode();
            using var scope = NewDisposeScope();
            if (generatedTokens > 0)
            {
                Generation.Run(model, batches.Prompt, batches.Next, generatedTokens);
            }
            else
            {
                model.Forward(batches.Prompt);
            }
        }, owned ? [model] : []);

        Batch Random(int length) => Batch.Random(batchSize, length, (int)words, session.Seed, session.TorchDevice, padded: generatedTokens == 0);
    }

    public void Synchronize() => session.Synchronize();

    public void Dispose()
    {
        foreach (var (prompt, next) in _batches.Values)
        {
            prompt.Dispose();
            next.Dispose();
        }
    }
}
