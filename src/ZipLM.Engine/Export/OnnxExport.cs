using Google.Protobuf;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Export;

/// <summary>Export-Model -Format Onnx: a file, or a directory with the tokenizer's files beside it, whole or not at all.</summary>
public static class OnnxExport
{
    private const string Extension = ".onnx";
    private const string ModelFile = "model.onnx";
    private const string DataFile = "model.onnx.data";

    // Where a constant begins in the data file: readers map it into memory page by page.
    private const int Alignment = 4096;

    /// <summary>Writes a model with the head of its task. The head of a masked language model is none: it gives <c>last_hidden_state</c>. A causal one has its key/value cache.</summary>
    /// <param name="path">Absolute path: a file where it ends in <c>.onnx</c>, else a directory.</param>
    /// <param name="precision">Float32, or Int8 for dynamic quantisation.</param>
    /// <param name="replace">Replace what is there.</param>
    /// <exception cref="ZipLMException">It exists and may not be replaced, it is the model's own directory or its base's, the disk is full, or the model is too large for one file.</exception>
    public static void Write(Model model, string path, Precision precision, bool replace, IReporter reporter, CancellationToken cancellationToken) =>
        Write(model, path, precision, replace, OnnxProgram.LargestMessage, reporter, cancellationToken);

    /// <param name="largestMessage">Constants of more bytes than this go into a file of their own.</param>
    internal static void Write(
        Model model, string path, Precision precision, bool replace, long largestMessage, IReporter reporter, CancellationToken cancellationToken)
    {
        var own = TransformerModel.Of(model);
        RequirePrecision(precision);
        ExportTarget.RequireNotBase(own, path);
        ExportTarget.RequireNotSource(own, path, "a model for ONNX Runtime");
        own.Session.Run(() =>
        {
            // As it is timed: without the head of a masked language model.
            var graph = OnnxModel.Whole(own.Weights(reporter, cancellationToken), precision);
            var bytes = graph.Constants.Sum(c => c.Bytes);
            var isLarge = bytes > largestMessage;
            if (path.EndsWith(Extension, StringComparison.OrdinalIgnoreCase))
            {
                WriteFile(graph, path, replace, isLarge, bytes);
                return true;
            }

            WriteFailure.RequireSpace(path, bytes);
            _ = own.Tokenizer;
            AtomicDirectory.Write(path, replace, target =>
            {
                JsonFile.Write(Path.Combine(target, ModelDirectory.ConfigFile), own.Description.Config);
                JsonFile.Write(Path.Combine(target, ModelDirectory.RecordFile), ModelRecordFile.Create(own.Record, own.Layers));
                TokenizerFiles.Write(own, target);
                File.WriteAllText(Path.Combine(target, ModelCard.FileName), ModelCard.Text(Path.GetFileName(Path.TrimEndingDirectorySeparator(path)), model, model.Record, own.Description, isOnnx: true));
                var content = isLarge ? WriteData(graph, Path.Combine(target, DataFile), cancellationToken) : graph.ToModel();
                using var file = File.Create(Path.Combine(target, ModelFile));
                content.WriteTo(file);
            });
            return true;
        }, reporter, cancellationToken);
    }

    /// <summary>Refuses a precision that no graph is written in.</summary>
    public static void RequirePrecision(Precision precision)
    {
        if (precision is not (Precision.Float32 or Precision.Int8))
        {
            throw new ZipLMException("OnnxPrecision", ErrorKind.InvalidArgument,
                $"ONNX models are not written in {precision}.", "Use -Precision Float32 or Int8.", precision);
        }
    }

    private static void WriteFile(OnnxGraph graph, string path, bool replace, bool isLarge, long bytes)
    {
        if (isLarge)
        {
            throw new ZipLMException("OnnxModelTooLarge", ErrorKind.InvalidArgument,
                $"The model takes {bytes / 1e9:0.0} GB, and an .onnx file holds at most 2 GB.",
                $"Give a directory: {ModelFile} is written there, and beside it {DataFile} with the weights.", path);
        }

        if (Directory.Exists(path) || (File.Exists(path) && !replace))
        {
            throw new ZipLMException("ExportTargetExists", ErrorKind.Exists, $"'{path}' exists.", "Give another path, or -Force to replace a file.", path);
        }

        AtomicFile.Write(path, stream => graph.ToModel().WriteTo(stream), bytes);
    }

    /// <summary>Writes the constants into a file of their own and gives the model that refers to it.</summary>
    private static ModelProto WriteData(OnnxGraph graph, string path, CancellationToken cancellationToken)
    {
        using var file = File.Create(path);
        return graph.ToModel(constant =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (constant.Type == TensorProto.Types.DataType.Int64)
            {
                // Sizes and shapes, which readers must know before they open the data.
                return OnnxGraph.Inside(constant);
            }

            file.Position = (file.Position + Alignment - 1) / Alignment * Alignment;
            var tensor = new TensorProto
            {
                Name = constant.Name,
                DataType = constant.Type,
                Dims = { constant.Shape },
                DataLocation = TensorProto.Types.DataLocation.External,
            };
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = Path.GetFileName(path) });
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = $"{file.Position}" });
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = $"{constant.Bytes}" });
            file.Write(constant.Read());
            return tensor;
        });
    }
}
