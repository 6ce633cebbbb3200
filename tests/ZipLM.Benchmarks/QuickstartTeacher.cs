using System.Diagnostics;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;

namespace ZipLM.Benchmarks;

/// <summary>
/// The quickstart's teacher with its data. Trained by the quickstart itself when it is missing, and kept where a user's own
/// run of it keeps it: under <c>ZIPLM_HOME</c>, else in the platform's data folder.
/// </summary>
/// <param name="Model">A small BERT that sorts texts by topic; the session frees it.</param>
/// <param name="Train">What it was trained on.</param>
/// <param name="Dev">Labelled texts that it never saw.</param>
internal sealed record QuickstartTeacher(Model Model, TextDataset Train, TextDataset Dev)
{
    private const string Data = "dotnet-documentation";

    public static QuickstartTeacher Open(TorchSession session)
    {
        var store = Path.Combine(ModelStore.Default().Root, "quickstart");
        var folder = Path.Combine(store, Data);
        if (new ModelStore(folder).Find("bert") is null)
        {
            Make(store);
        }

        var train = TextDatasetReader.Read(TextDatasetReader.Describe(Path.Combine(folder, "train.tsv"), null, null, null, null));
        var dev = TextDatasetReader.Read(TextDatasetReader.Describe(Path.Combine(folder, "dev.tsv"), null, null, null, null), train.Labels);
        return new(ModelCatalog.Find(session, new(new(folder), HubCache.Default()), "bert", folder), train, dev);
    }

    /// <summary>In a process of its own, because the module loads the engine a second time.</summary>
    private static void Make(string store)
    {
        Console.Error.WriteLine($"Training the quickstart's teacher in {store}, once.");
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "ZipLM.PS.sln")))
        {
            root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException($"There is no ZipLM.PS.sln above {AppContext.BaseDirectory}.");
        }

        // Built with the same configuration as this program.
        var host = Path.Combine(root, "src/ZipLM.Host/bin", Path.GetRelativePath(Path.Combine(root, "tests/ZipLM.Benchmarks/bin"), AppContext.BaseDirectory), "ziplm.dll");
        using var process = Process.Start(new ProcessStartInfo(
            "dotnet", [host, Path.Combine(root, "examples/quickstart.ps1"), "-Store", store, "-TeacherOnly"]) { RedirectStandardOutput = true })!;
        process.OutputDataReceived += (_, line) => Console.Error.WriteLine(line.Data);
        process.BeginOutputReadLine();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"The quickstart ended with {process.ExitCode}.");
        }
    }
}
