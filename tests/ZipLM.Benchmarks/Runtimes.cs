using ZipLM.Engine.Latency;

namespace ZipLM.Benchmarks;

/// <summary><c>--runtime torch|onnx [--precision int8]</c></summary>
internal static class Runtimes
{
    public static RuntimeChoice Choice(Options options) => new(
        options.Text("runtime") is null or "torch" ? InferenceRuntime.Torch : InferenceRuntime.OnnxRuntime,
        options.Text("precision") is { } precision ? Enum.Parse<Precision>(precision, ignoreCase: true) : null);
}
