using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace ZipLM.Engine.Runtime;

/// <summary>A graph that ONNX Runtime has loaded, on the CPU.</summary>
internal sealed class OnnxSession : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();

    /// <param name="model">The graph in ONNX's format.</param>
    /// <param name="threads">CPU threads that one run may use.</param>
    /// <exception cref="ZipLMException"><c>OnnxRuntimeFailed</c>.</exception>
    public OnnxSession(byte[] model, int threads)
    {
        using var options = new Microsoft.ML.OnnxRuntime.SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        // Threads spin for work during a run, as they do when a model is served, and not on into the next case of a measurement.
        options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        try
        {
            _session = new(model, options);
        }
        catch (OnnxRuntimeException e)
        {
            throw Failure("does not load the model", e);
        }
    }

    /// <summary>ONNX Runtime's version, such as <c>1.31.1</c>.</summary>
    public static string Version => OrtEnv.Instance().GetVersionString();

    /// <summary>A tensor on the beginning of some memory, which must stay as it is.</summary>
    public static OrtValue Value<T>(T[] values, params long[] shape)
        where T : unmanaged => OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, values.AsMemory(0, (int)shape.Aggregate(1L, (a, b) => a * b)), shape);

    /// <summary>A tensor without numbers, which has no memory: one of the dimensions is 0.</summary>
    public static OrtValue Empty(params long[] shape) => OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, shape);

    /// <summary>Names of the graph's outputs, in their order.</summary>
    public IReadOnlyList<string> Outputs => _session.OutputNames;

    /// <summary>Dimensions of an input, −1 for those that may have any size.</summary>
    public IReadOnlyList<int> Dimensions(string input) => _session.InputMetadata[input].Dimensions;

    /// <summary>Runs the graph and drops what it gives.</summary>
    /// <exception cref="ZipLMException"><c>OnnxRuntimeFailed</c>.</exception>
    public void Run(IReadOnlyDictionary<string, OrtValue> inputs) => RunAll(inputs).Dispose();

    /// <summary>Runs the graph and gives its first output, in row-major order, with its shape.</summary>
    /// <exception cref="ZipLMException"><c>OnnxRuntimeFailed</c>.</exception>
    public (float[] Values, long[] Shape) Answer(IReadOnlyDictionary<string, OrtValue> inputs)
    {
        using var outputs = RunAll(inputs);
        return (outputs[0].GetTensorDataAsSpan<float>().ToArray(), outputs[0].GetTensorTypeAndShape().Shape);
    }

    /// <summary>Runs the graph and gives all outputs, which are the caller's.</summary>
    /// <exception cref="ZipLMException"><c>OnnxRuntimeFailed</c>.</exception>
    public IDisposableReadOnlyCollection<OrtValue> RunAll(IReadOnlyDictionary<string, OrtValue> inputs)
    {
        try
        {
            return _session.Run(_options, inputs, _session.OutputNames);
        }
        catch (OnnxRuntimeException e)
        {
            throw Failure("failed while it ran the model", e);
        }
    }

    public void Dispose()
    {
        _session.Dispose();
        _options.Dispose();
    }

    private static ZipLMException Failure(string what, OnnxRuntimeException e) => new("OnnxRuntimeFailed", ErrorKind.InvalidOperation,
        $"ONNX Runtime {Version} {what}: {e.Message.Split('\n')[0]}",
        "Where memory is short, use a smaller batch or sequence length. Otherwise use -Runtime Torch and report it.", inner: e);
}
