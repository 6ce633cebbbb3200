using System.Text.Json.Nodes;
using TorchSharp;
using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests;

/// <summary>A directory for models that goes with the test, and ways to spoil what is in it.</summary>
internal sealed class ModelFolder : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("ziplm-model-").FullName;

    public string Path => System.IO.Path.Combine(_root, "model");

    public string Root => _root;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public ModelFolder Write(Model model)
    {
        HuggingFaceExport.Write(model, Path, replace: true, new RecordingReporter(), CancellationToken.None);
        return this;
    }

    public TransformerModel Open(TorchSession session) => TransformerModel.FromDirectory(session, "again", Path);

    /// <summary>Changes a JSON file in place.</summary>
    public void Change(string name, Action<JsonObject> change)
    {
        var json = JsonFile.Read(File(name));
        change(json);
        System.IO.File.WriteAllText(File(name), json.ToJsonString());
    }

    /// <summary>Writes the weights anew: other names, other tensors, another number of files.</summary>
    public void ChangeWeights(Func<string, torch.Tensor, (string, torch.Tensor)?> change, IEnumerable<(string, torch.Tensor)>? more = null, long maximumShardBytes = CheckpointWriter.DefaultShardBytes)
    {
        using var scope = torch.NewDisposeScope();
        List<(string, torch.Tensor)> tensors;
        using (var checkpoint = Checkpoint.Open(Path))
        {
            tensors = [.. checkpoint.Names.Select(name => change(name, checkpoint.Read(name, CancellationToken.None))).OfType<(string, torch.Tensor)>(), .. more ?? []];
        }

        System.IO.File.Delete(File(Checkpoint.SingleFile));
        CheckpointWriter.Write(Path, tensors, CancellationToken.None, maximumShardBytes);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
