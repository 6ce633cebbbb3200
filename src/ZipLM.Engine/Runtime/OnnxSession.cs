using Microsoft.ML.OnnxRuntime;

namespace ZipLM.Engine.Runtime;

/// <summary>A graph that ONNX Runtime has loaded, on the CPU.</summary>
internal sealed class OnnxSession : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();

    /// <param name="model">The graph in ONNX's format.</param>
    /// <param name="threads">CPU threads that one run may use.</param>
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
        _session = new(model, options);
    }

    /// <summary>ONNX Runtime's version, such as <c>1.31.1</c>.</summary>
    public static string Version => OrtEnv.Instance().GetVersionString();

    /// <summary>A tensor on memory that must stay as it is.</summary>
    public static OrtValue Value<T>(T[] values, params long[] shape)
        where T : unmanaged => OrtValue.CreateTensorValueFromMemory(values, shape);

    /// <summary>Runs the graph and drops what it gives.</summary>
    public void Run(IReadOnlyDictionary<string, OrtValue> inputs) => _session.Run(_options, inputs, _session.OutputNames).Dispose();

    /// <summary>Runs the graph and gives its first output, in row-major order.</summary>
    public float[] Values(IReadOnlyDictionary<string, OrtValue> inputs)
    {
        using var outputs = _session.Run(_options, inputs, _session.OutputNames);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }

    public void Dispose()
    {
        _session.Dispose();
        _options.Dispose();
    }
}
