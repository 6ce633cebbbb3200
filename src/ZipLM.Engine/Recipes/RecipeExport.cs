namespace ZipLM.Engine.Recipes;

/// <summary>A form in which members are written.</summary>
internal enum RecipeExport
{
    /// <summary>A directory in Hugging Face's layout; always written.</summary>
    HuggingFace,

    /// <summary>An ONNX file beside the weights.</summary>
    Onnx,

    /// <summary>An ONNX file with 8-bit weights.</summary>
    OnnxInt8,
}
