using System.Globalization;
using System.Text;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Models;
using ZipLM.Engine.Recipes;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Tests.Recipes;

/// <summary>A folder with a tiny model, its data, a latency table that was never measured, and a recipe for them.</summary>
internal sealed class RecipeFolder : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("ziplm-recipe-").FullName;

    /// <summary>A copy of another's, with its run.</summary>
    public RecipeFolder(RecipeFolder other)
    {
        foreach (var file in Directory.EnumerateFiles(other._root, "*", SearchOption.AllDirectories))
        {
            var copy = this[Path.GetRelativePath(other._root, file)];
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    public RecipeFolder(TorchSession session)
    {
        using var model = TinyBert.Model(session, 70);
        ZipLM.Engine.Export.HuggingFaceExport.Write(model, this["tiny"], false, new RecordingReporter(), CancellationToken.None);
        LatencyTableFlow.Export(MadeUpTable.Of(model), this["table.yaml"], replace: false);
        WriteData("train.tsv", 40, 1);
        WriteData("dev.tsv", 20, 2);
        File.WriteAllText(RecipePath, Text);
    }

    /// <summary>A recipe without a live measurement but for the speedups of the members.</summary>
    public static string Text { get; } = """
        schema: 1
        name: toy
        model: tiny
        seed: 17
        data:
          train: train.tsv
          validation: dev.tsv
        environment:
          device: cpu
          threads: 1
        latency:
          table: table.yaml
        targets: [1.5, 2.5]
        fine_tune:
          epochs: 1
          batch_size: 8
          learning_rate: 1e-3
        pruning:
          calibration_samples: 20
          rounds: 3
          correction: false
        distillation:
          epochs: 1
          batch_size: 8
          learning_rate: 1e-3
          losses: {logit: 1, token: 0.5}
        evaluation:
          rounds: 3

        """;

    public string RecipePath => this["toy.yaml"];

    public string Run => this["run"];

    public string this[string name] => Path.Combine(_root, name);

    /// <summary>Writes the recipe with a text in it replaced.</summary>
    public Recipe Change(string was, string becomes)
    {
        if (!Text.Contains(was, StringComparison.Ordinal))
        {
            throw new ArgumentException($"'{was}' is not in the recipe.", nameof(was));
        }

        File.WriteAllText(RecipePath, Text.Replace(was, becomes, StringComparison.Ordinal));
        return RecipeFile.Read(RecipePath);
    }

    public Recipe Read() => RecipeFile.Read(RecipePath);

    public void WriteData(string name, int rows, int seed)
    {
        var data = TinyBert.Data(rows, seed);
        var text = new StringBuilder("sentence1\tsentence2\tlabel\n");
        foreach (var row in data.Examples)
        {
            text.Append(CultureInfo.InvariantCulture, $"{row.Text}\t{row.TextPair ?? "w1"}\t{TinyBert.Labels[row.Label!.Value]}\n");
        }

        File.WriteAllText(this[name], text.ToString());
    }

    /// <summary>Contents of all files of a run's stages but their measurements, by relative path.</summary>
    public static Dictionary<string, string> Outputs(string run) => Directory.EnumerateFiles(run, "*", SearchOption.AllDirectories)
        .Where(f => char.IsAsciiDigit(Path.GetRelativePath(run, f)[0]) && Path.GetFileName(f) != StageFolder.Measurements)
        .ToDictionary(f => Path.GetRelativePath(run, f), f => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f))));

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
