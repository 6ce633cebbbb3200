namespace ZipLM;

/// <summary>The program that executes a model when it is measured.</summary>
public enum InferenceRuntime
{
    /// <summary>libtorch, through TorchSharp.</summary>
    Torch,

    /// <summary>ONNX Runtime, on the CPU.</summary>
    OnnxRuntime,
}
