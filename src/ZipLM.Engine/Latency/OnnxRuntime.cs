using Microsoft.ML.OnnxRuntime;
using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Latency;

/// <summary>Models in ONNX Runtime, on the CPU, as Export-Model writes them.</summary>
internal sealed class OnnxRuntime : IModelRuntime
{
    private readonly Precision _precision;
    private readonly int _seed;
    private readonly Dictionary<long, Dictionary<string, OrtValue>> _inputs = [];

    /// <exception cref="ZipLMException"><c>RuntimeDevice</c>: the session is not on the CPU.</exception>
    public OnnxRuntime(TorchSession session, Precision precision, int batchSize, int sequenceLength)
    {
        RequireCpu(session.Device);
        (_precision, _seed) = (precision, session.Seed);
        Environment = new(session.Device, session.DeviceName, InferenceRuntime.OnnxRuntime, precision, batchSize, sequenceLength, session.Threads, OnnxSession.Version);
    }

    public InferenceEnvironment Environment { get; }

    internal static void RequireCpu(string device)
    {
        if (device != "cpu")
        {
            throw new ZipLMException("RuntimeDevice", ErrorKind.InvalidArgument,
                $"ONNX Runtime runs on the CPU only, but the session is on {device}.",
                "Use -Runtime Torch, or a session made with Connect-GpuSession -Device cpu.", device);
        }
    }

    public ForwardPass Load(Transformer model, bool owned = false)
    {
        // The program has a copy of the weights.
        using var freed = owned ? model : null;
        var inputs = Inputs(model.Embeddings.Words.Weight.shape[0]);
        var program = new OnnxProgram(OnnxModel.Whole(model, _precision), Environment.Threads);
        return new(() => program.Run(inputs), program);
    }

    /// <summary>A run returns when it is done.</summary>
    public void Synchronize()
    {
    }

    public void Dispose()
    {
        foreach (var inputs in _inputs.Values)
        {
            OnnxProgram.Free(inputs);
        }
    }

    private Dictionary<string, OrtValue> Inputs(long words)
    {
        if (!_inputs.TryGetValue(words, out var inputs))
        {
            using var batch = Batch.Random(Environment.BatchSize, Environment.SequenceLength, (int)words, _seed, CPU, padded: true);
            _inputs[words] = inputs = OnnxProgram.Inputs(batch);
        }

        return inputs;
    }
}
