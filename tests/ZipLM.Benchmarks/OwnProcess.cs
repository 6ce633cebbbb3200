using System.Diagnostics;
using System.Text.Json;

namespace ZipLM.Benchmarks;

/// <summary>This program once more, in a process of its own, whether it was started by its own name or by dotnet.</summary>
internal static class OwnProcess
{
    /// <summary>Starts it.</summary>
    public static Process Start(bool readsOutput, params IEnumerable<string> arguments)
    {
        IEnumerable<string> program = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(OwnProcess).Assembly.Location] : [];
        return Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. program, .. arguments]) { RedirectStandardOutput = readsOutput })!;
    }

    /// <summary>Waits for it and reads the last line of its output.</summary>
    public static T Result<T>(params IEnumerable<string> arguments)
    {
        using var process = Start(readsOutput: true, arguments);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return JsonSerializer.Deserialize<T>(output.Trim().Split('\n')[^1])!;
    }
}
