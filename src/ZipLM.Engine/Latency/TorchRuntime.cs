using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Latency;

/// <summary>Models in libtorch, on the session's device and in its precision.</summary>
/// <param name="threads">Null = the session's.</param>
internal sealed class TorchRuntime(TorchSession session, int batchSize, int sequenceLength, int generatedTokens = 0, int? threads = null) : IModelRuntime
{
    private readonly Dictionary<long, (Batch Prompt, Batch Next)> _batches = [];

    public InferenceEnvironment Environment { get; } = new(
        session.Device, session.DeviceName, InferenceRuntime.Torch, session.Precision, batchSize, sequenceLength, threads ?? session.Threads, NativeLibraries.TorchVersion)
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
        }, owned ? model : null);

        Batch Random(int length) => Batch.Random(batchSize, length, (int)words, session.Seed, session.TorchDevice, padded: generatedTokens == 0);
    }

    public IDisposable Begin() => new ThreadCount(Environment.Threads, session.Threads);

    public void Synchronize() => session.Synchronize();

    public void Dispose()
    {
        foreach (var (prompt, next) in _batches.Values)
        {
            prompt.Dispose();
            next.Dispose();
        }
    }

    /// <summary>Torch has one number of threads for the process: other work has its turn before or after.</summary>
    private sealed class ThreadCount : IDisposable
    {
        private readonly int _usual;

        public ThreadCount(int threads, int usual)
        {
            _usual = usual;
            set_num_threads(threads);
        }

        public void Dispose() => set_num_threads(_usual);
    }
}
