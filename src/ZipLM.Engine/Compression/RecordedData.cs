using ZipLM.Engine.Data;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Compression;

/// <summary>Data that a model's directory records, and that may have moved since.</summary>
internal static class RecordedData
{
    /// <summary>Reads it again.</summary>
    /// <param name="parameter">The parameter that data can be given with instead.</param>
    /// <exception cref="ZipLMException"><c>RecordedDataMissing</c>, or what is wrong with the file.</exception>
    public static TextDataset Read(TransformerModel model, DatasetReference recorded, string parameter) => File.Exists(recorded.Path)
        ? TextDatasetReader.Read(recorded)
        : throw new ZipLMException("RecordedDataMissing", ErrorKind.NotFound,
            $"'{recorded.Path}', which '{model.Name}' records as its data, is no longer there.",
            $"Give the data with {parameter} (Import-TextDataset).", recorded.Path);
}
