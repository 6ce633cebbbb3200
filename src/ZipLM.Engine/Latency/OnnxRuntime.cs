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
    private readonly Dictionary<long, Dictionary<string, OrtValue>> _batches = [];
    private readonly Dictionary<long, OnnxText> _texts = [];

    /// <param name="isCached">Whether what is measured is of a model that writes texts, whose graph has keys and values as inputs and outputs.</param>
    /// <param name="threads">Null = the session's.</param>
    /// <exception cref="ZipLMException"><c>RuntimeDevice</c>: the session is not on the CPU.</exception>
    public OnnxRuntime(TorchSession session, Precision precision, int batchSize, int sequenceLength, bool isCached, int generatedTokens = 0, int? threads = null)
    {
        RequireCpu(session.Device);
        (_precision, _isCached, _seed) = (precision, isCached, session.Seed);
        Environment = new(session.Device, session.DeviceName, InferenceRuntime.OnnxRuntime, precision, batchSize, sequenceLength, threads ?? session.Threads, OnnxSession.Version)
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
        var words = model.Embeddings.Words.Weight.shape[0];
        var program = new OnnxProgram(OnnxModel.Whole(model, _precision, cached: _isCached), Environment.Threads);
        try
        {
            if (Environment.GeneratedTokens > 0)
            {
                var text = Text(words);
                return new(() => OnnxGeneration.Run(program, text), program);
            }

            var inputs = Inputs(words);
            return new(() => program.Run(inputs), program);
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    /// <summary>Programs have threads of their own.</summary>
    public IDisposable Begin() => new MemoryStream();

    /// <summary>A run returns when it is done.</summary>
    public void Synchronize()
    {
    }

    public void Dispose()
    {
        foreach (var inputs in _batches.Values)
        {
            OnnxProgram.Free(inputs);
        }

        foreach (var text in _texts.Values)
        {
            text.Dispose();
        }
    }

    private Dictionary<string, OrtValue> Inputs(long words)
    {
        if (!_batches.TryGetValue(words, out var inputs))
        {
            using var batch = Random(words, Environment.SequenceLength, padded: true);
            _batches[words] = inputs = OnnxProgram.Inputs(batch);
        }

        return inputs;
    }

    private OnnxText Text(long words)
    {
        if (!_texts.TryGetValue(words, out var text))
        {
            using var prompt = Random(words, Environment.SequenceLength, padded: false);
            using var next = Random(words, 1, padded: false);
            _texts[words] = text = new(prompt, next, Environment.GeneratedTokens);
        }

        return text;
    }

    private Batch Random(long words, int length, bool padded) => Batch.Random(Environment.BatchSize, length, (int)words, _seed, CPU, padded);
}
