using System.Diagnostics;
using System.Text;
using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>One run of the program, with its output and its exit code.</summary>
internal sealed record ZiplmProcess(int ExitCode, string Output, string Errors)
{
    /// <summary>Ends a program that hangs; no test measures time by it.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>Runs the program to its end.</summary>
    public static ZiplmProcess Run(params string[] arguments) => Run(new Dictionary<string, string>(), null, arguments);

    /// <summary>Runs the program with environment variables and text on its standard input.</summary>
    public static ZiplmProcess Run(IReadOnlyDictionary<string, string> environment, string? input, params string[] arguments)
    {
        using Process process = Start(environment, arguments);
        if (input is not null)
            process.StandardInput.Write(input);
        process.StandardInput.Close();
        return End(process, new StringBuilder());
    }

    /// <summary>Runs the program where a folder is a disk that is full; null where this account may not mount one.</summary>
    public static ZiplmProcess? RunOnFullDisk(string folder, params string[] arguments)
    {
        const int NoDisk = 77;
        const string Script = "mount -t tmpfs -o size=64k full \"$0\" || exit 77; head -c 100000 /dev/zero > \"$0/filler\" 2> /dev/null; exec \"$@\"";
        using Process process = StartProgram(new Dictionary<string, string>(), ["unshare", "--map-root-user", "--mount", "sh", "-c", Script, folder, Built.Ziplm, .. arguments]);
        process.StandardInput.Close();
        ZiplmProcess result = End(process, new StringBuilder());
        return result.ExitCode == NoDisk || result.Errors.StartsWith("unshare:", StringComparison.Ordinal) ? null : result;
    }

    /// <summary>Runs the program, sends it Ctrl-C's signal as soon as it prints the word, and waits for its end.</summary>
    public static (ZiplmProcess Result, TimeSpan AfterSignal) Interrupt(string word, params string[] arguments)
    {
        using Process process = Start(new Dictionary<string, string>(), arguments);
        process.StandardInput.Close();
        var output = new StringBuilder();
        while (process.StandardOutput.ReadLine() is { } line)
        {
            output.AppendLine(line);
            if (line == word)
                break;
        }

        var watch = Stopwatch.StartNew();
        using Process kill = Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        ZiplmProcess result = End(process, output);
        return (result, watch.Elapsed);
    }

    /// <summary>Starts the program; the caller reads its output.</summary>
    public static Process Start(IReadOnlyDictionary<string, string> environment, params string[] arguments) => StartProgram(environment, [Built.Ziplm, .. arguments]);

    private static Process StartProgram(IReadOnlyDictionary<string, string> environment, string[] command)
    {
        // By env: tests that run in the background have Ctrl-C's signal ignored, and children inherit that.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static ZiplmProcess End(Process process, StringBuilder output)
    {
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        Task<string> rest = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException("ziplm did not end.");
        }

        return new ZiplmProcess(process.ExitCode, output + rest.GetAwaiter().GetResult(), errors.GetAwaiter().GetResult());
    }
}
