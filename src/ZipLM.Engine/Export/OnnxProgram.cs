using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Export;

/// <summary>A graph that runs in ONNX Runtime, from memory.</summary>
internal sealed class OnnxProgram : IDisposable
{
    /// <summary>More than this does not fit into one message of protobuf.</summary>
    public const long LargestMessage = int.MaxValue - (1 << 20);

    private readonly OnnxSession _session;
    private readonly HashSet<string> _inputs;
    private readonly Dictionary<long, Dictionary<string, OrtValue>> _emptyPasts = [];

    /// <exception cref="ZipLMException"><c>OnnxModelTooLarge</c>.</exception>
    public OnnxProgram(OnnxGraph graph, int threads)
    {
        if (graph.Constants.Sum(c => c.Bytes) is var bytes && bytes > LargestMessage)
        {
            throw new ZipLMException("OnnxModelTooLarge", ErrorKind.InvalidOperation,
                $"The model takes {bytes / 1e9:0.0} GB, and ONNX Runtime takes at most 2 GB from memory.", "Use -Runtime Torch.");
        }

        _inputs = [.. graph.Inputs];
        _session = new(graph.ToModel().ToByteArray(), threads);
    }

    /// <summary>A batch as inputs of a whole model of any model family; the caller disposes them.</summary>
    public static Dictionary<string, OrtValue> Inputs(Batch batch) => new(StringComparer.Ordinal)
    {
        [OnnxModel.InputIds] = Int64(batch.InputIds),
        [OnnxModel.AttentionMask] = Int64(batch.Mask),
        [OnnxModel.TypeIds] = Int64(batch.TypeIds),
    };

    /// <summary>Whole numbers as an input; the caller disposes it.</summary>
    public static OrtValue Int64(Tensor values)
    {
        using var scope = NewDisposeScope();
        return OnnxSession.Value(values.to(int64).cpu().contiguous().data<long>().ToArray(), values.shape);
    }

    /// <summary>Random hidden states without padding as inputs of a sublayer; the caller disposes them.</summary>
    public static Dictionary<string, OrtValue> Inputs(int batchSize, int sequenceLength, int hiddenSize, int seed)
    {
        var random = new Random(seed);
        var hidden = new float[(long)batchSize * sequenceLength * hiddenSize];
        for (var i = 0; i < hidden.Length; i++)
        {
            hidden[i] = (random.NextSingle() * 4) - 2;
        }

        var mask = new long[(long)batchSize * sequenceLength];
        Array.Fill(mask, 1);
        return new(StringComparer.Ordinal)
        {
            [OnnxModel.Hidden] = OnnxSession.Value(hidden, batchSize, sequenceLength, hiddenSize),
            [OnnxModel.AttentionMask] = OnnxSession.Value(mask, batchSize, sequenceLength),
        };
    }

    /// <summary>Names of the outputs, the answer first.</summary>
    public IReadOnlyList<string> Outputs => _session.Outputs;

    /// <summary>Runs the graph and drops what it gives; inputs that the graph does not have are left out, and a past that is missing has no tokens.</summary>
    public void Run(IReadOnlyDictionary<string, OrtValue> inputs) => _session.Run(Completed(inputs));

    /// <summary>The same, and gives all outputs, which are the caller's.</summary>
    public IDisposableReadOnlyCollection<OrtValue> RunAll(IReadOnlyDictionary<string, OrtValue> inputs) => _session.RunAll(Completed(inputs));

    /// <summary>Runs the graph; its output in row-major order.</summary>
    public float[] Values(IReadOnlyDictionary<string, OrtValue> inputs) => _session.Answer(Completed(inputs)).Values;

    /// <summary>Runs a whole model; its output in row-major order.</summary>
    public float[] Run(Batch batch) => Answer(batch).Values;

    /// <summary>Runs a whole model; its output in row-major order, and the output's shape.</summary>
    public (float[] Values, long[] Shape) Answer(Batch batch)
    {
        var inputs = Inputs(batch);
        try
        {
            return _session.Answer(Completed(inputs));
        }
        finally
        {
            Free(inputs);
        }
    }

    public static void Free(IReadOnlyDictionary<string, OrtValue> inputs)
    {
        foreach (var value in inputs.Values)
        {
            value.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var past in _emptyPasts.Values)
        {
            Free(past);
        }

        _session.Dispose();
    }

    /// <summary>Inputs without those that the graph does not have, and with a past of no tokens where one is missing.</summary>
    private IReadOnlyDictionary<string, OrtValue> Completed(IReadOnlyDictionary<string, OrtValue> inputs)
    {
        if (_inputs.SetEquals(inputs.Keys))
        {
            return inputs;
        }

        var completed = inputs.Where(i => _inputs.Contains(i.Key)).ToDictionary(StringComparer.Ordinal);
        if (completed.Count < _inputs.Count)
        {
            foreach (var (name, past) in EmptyPast(inputs[OnnxModel.InputIds].GetTensorTypeAndShape().Shape[0]))
            {
                completed.TryAdd(name, past);
            }
        }

        return completed;
    }

    /// <summary>What a text begins with, for each layer that looks back.</summary>
    private Dictionary<string, OrtValue> EmptyPast(long batchSize)
    {
        if (!_emptyPasts.TryGetValue(batchSize, out var past))
        {
            _emptyPasts[batchSize] = past = new(StringComparer.Ordinal);
            foreach (var input in _inputs.Where(OnnxCache.IsPast))
            {
                var sizes = _session.Dimensions(input);
                past[input] = OnnxSession.Empty(batchSize, sizes[1], 0, sizes[3]);
            }
        }

        return past;
    }
}
