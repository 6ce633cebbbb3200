using ZipLM.Engine.Latency;

namespace ZipLM.Benchmarks;

/// <summary><c>--runtime torch|onnx [--precision int8]</c>, or several at once: <c>--runtimes torch,onnx,int8</c></summary>
internal static class Runtimes
{
    public static RuntimeChoice Choice(Options options) =>
        Choices(options) is [var only] ? only : throw new ArgumentException("This benchmark takes one runtime.");

    public static IReadOnlyList<RuntimeChoice> Choices(Options options) => options.Text("runtimes") is { } names
        ? [.. names.Split(',').Select(Named)]
        : [Named(options.Text("precision") is "int8" ? "int8" : options.Text("runtime") ?? "torch")];

    public static string Name(RuntimeChoice runtime) => runtime switch
    {
        { Runtime: InferenceRuntime.Torch } => "torch",
        { Precision: Precision.Int8 } => "int8",
        _ => "onnx",
    };

    private static RuntimeChoice Named(string name) => name.ToUpperInvariant() switch
    {
        "TORCH" => RuntimeChoice.Torch,
        "ONNX" or "ONNXRUNTIME" => new(InferenceRuntime.OnnxRuntime),
        "INT8" => new(InferenceRuntime.OnnxRuntime, Precision.Int8),
        _ => throw new ArgumentException($"There is no runtime '{name}': there are torch, onnx and int8."),
    };
}
