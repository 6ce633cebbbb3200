namespace ZipLM;

/// <summary>The number format in which a model computes.</summary>
public enum Precision
{
    /// <summary>IEEE single precision, 4 bytes a parameter.</summary>
    Float32,

    /// <summary>bfloat16, 2 bytes a parameter; on a CPU usually slower than single precision.</summary>
    BFloat16,

    /// <summary>
    /// Weights in 8-bit integers, activations quantised as they come; in ONNX Runtime only, for export and measuring.
    /// </summary>
    Int8,
}
