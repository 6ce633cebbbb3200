namespace ZipLM.Engine.Export;

/// <summary>
/// The residual path as the graph grows: the sum so far, and what the next norm adds in passing, because one node of ONNX
/// Runtime adds and normalises.
/// </summary>
/// <param name="Sum">Value [batch, sequence, hidden].</param>
/// <param name="Addend">Value of the same shape that still has to be added; null where there is none.</param>
/// <param name="Bias">Constant [hidden] that has to be added with it; null where there is none.</param>
internal readonly record struct OnnxResidual(string Sum, string? Addend = null, string? Bias = null);
