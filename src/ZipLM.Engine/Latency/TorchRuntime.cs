using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Latency;

/// <summary>Models in libtorch, on the session's device and in its precision.</summary>
internal sealed class TorchRuntime(TorchSession session, int batchSize, int sequenceLength) : IModelRuntime
{
    private readonly Dictionary<long, Batch> _batches = [];

    public InferenceEnvironment Environment { get; } = new(
        session.Device, session.DeviceName, InferenceRuntime.Torch, session.Precision, batchSize, sequenceLength, session.Threads, NativeLibraries.TorchVersion);

    public ForwardPass Load(Transformer model, bool owned = false)
    {
        var words = model.Embeddings.Words.Weight.shape[0];
        if (!_batches.TryGetValue(words, out var batch))
        {
            _batches[words] = batch = Batch.Random(batchSize, sequenceLength, (int)words, session.Seed, session.TorchDevice, padded: true);
        }

        return new(() =>
        {
            using var gradients = inference_mode();
            using var scope = NewDisposeScope();
            model.Forward(batch);
        }, owned ? model : null);
    }

    public void Synchronize() => session.Synchronize();

    public void Dispose()
    {
        foreach (var batch in _batches.Values)
        {
            batch.Dispose();
        }
    }
}
