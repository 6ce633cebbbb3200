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
    private readonly bool _isCached;
    private readonly int _seed;
    private readonly Dictionary<long, (Dictionary<string, OrtValue> Inputs, OrtValue Next)> _batches = [];

    /// <param name="isCached">Whether what is measured is of a model that writes texts, whose graph has keys and values as inputs and outputs.</param>
    /// <exception cref="ZipLMException"><c>RuntimeDevice</c>: the session is not on the CPU.</exception>
    public OnnxRuntime(TorchSession session, Precision precision, int batchSize, int sequenceLength, bool isCached, int generatedTokens = 0)
    {
        RequireCpu(session.Device);
        (_precision, _isCached, _seed) = (precision, isCached, session.Seed);
        Environment = new(session.Device, session.DeviceName, InferenceRuntime.OnnxRuntime, precision, batchSize, sequenceLength, session.Threads, OnnxSession.Version)
        {
            GeneratedTokens = generatedTokens,
        };
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
        var (inputs, next) = Inputs(model.Embeddings.Words.Weight.shape[0]);
        var program = new OnnxProgram(OnnxModel.Whole(model, _precision, cached: _isCached), Environment.Threads);
        if (Environment.GeneratedTokens == 0)
        {
            return new(() => program.Run(inputs), program);
        }

        var generation = new OnnxGeneration(program, inputs[OnnxModel.InputIds], next, Environment.GeneratedTokens);
        return new(() => generation.Run(), generation, program);
    }

    /// <summary>A run returns when it is done.</summary>
    public void Synchronize()
    {
    }

    public void Dispose()
    {
        foreach (var (inputs, next) in _batches.Values)
        {
            OnnxProgram.Free(inputs);
            next.Dispose();
        }
    }

    private (Dictionary<string, OrtValue> Inputs, OrtValue Next) Inputs(long words)
    {
        if (!_batches.TryGetValue(words, out var inputs))
        {
            using var batch = Batch.Random(Environment.BatchSize, Environment.SequenceLength, (int)words, _seed, CPU, padded: Environment.GeneratedTokens == 0);
            using var next = Batch.Random(Environment.BatchSize, 1, (int)words, _seed, CPU);
            _batches[words] = inputs = (OnnxProgram.Inputs(batch), OnnxProgram.Int64(next.InputIds));
        }

        return inputs;
    }
}
