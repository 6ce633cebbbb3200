using System.Diagnostics;
using System.Globalization;
using System.Management.Automation.Runspaces;
using System.Text.Json;

namespace ZipLM.Benchmarks;

/// <summary>
/// How long Import-Module takes where nothing of the module is loaded yet: each round is a process of its own. It first
/// imports an empty module, as a session at work has imported others, so that the engine's own first-use cost is not ours.
/// </summary>
internal static class ImportBenchmark
{
    public static int Run(string[] options)
    {
        if (options is ["--once"])
        {
            Console.WriteLine(JsonSerializer.Serialize(ImportOnce()));
            return 0;
        }

        int rounds = options is ["--rounds", var text] ? int.Parse(text, CultureInfo.InvariantCulture) : 15;
        Round[] results = [.. Enumerable.Range(0, rounds).Select(_ => InNewProcess())];
        double[] times = [.. results.Select(round => round.Milliseconds).Order()];
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            import_ms = times[rounds / 2],
            fastest_ms = times[0],
            slowest_ms = times[^1],
            first_module_ms = results.Select(round => round.FirstModuleMilliseconds).Order().ElementAt(rounds / 2),
            torch_loaded = results.Any(round => round.TorchLoaded),
            rounds,
        }));
        return 0;
    }

    private static Round InNewProcess() => OwnProcess.Result<Round>("import", "--once");

    private static Round ImportOnce()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("ziplm-import-");
        string empty = Path.Combine(folder.FullName, "Empty.psd1");
        File.WriteAllText(empty, "@{ ModuleVersion = '1.0' }");
        using Runspace runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
        runspace.Open();
        double first = Import(runspace, empty);
        double ours = Import(runspace, FindManifest());
        folder.Delete(recursive: true);
        bool torch = AppDomain.CurrentDomain.GetAssemblies().Any(assembly => assembly.GetName().Name == "TorchSharp");
        return new Round(first, ours, torch);
    }

    private static double Import(Runspace runspace, string path)
    {
        using var shell = System.Management.Automation.PowerShell.Create(runspace);
        shell.AddCommand("Import-Module").AddParameter("Name", path).AddParameter("ErrorAction", "Stop");
        var watch = Stopwatch.StartNew();
        shell.Invoke();
        return watch.Elapsed.TotalMilliseconds;
    }

    private static string FindManifest()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Path.Combine(folder.FullName, "ZipLM.psd1") is var manifest && File.Exists(manifest))
                return manifest;
        }

        throw new FileNotFoundException("No ZipLM.psd1 above the program: build the solution first.");
    }

    private sealed record Round(double FirstModuleMilliseconds, double Milliseconds, bool TorchLoaded);
}
