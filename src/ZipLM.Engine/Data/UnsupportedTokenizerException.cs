namespace ZipLM.Engine.Data;

/// <summary>A tokenizer file is sound but describes another kind of tokenizer; the reader adds which file.</summary>
internal sealed class UnsupportedTokenizerException(string message) : Exception(message);
