using System.Globalization;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>
/// A run directory's lock: a file that the holder keeps locked, so that the system itself unlocks it when the process dies,
/// and one beside it that says who that is. A holder that ends in good order deletes the second.
/// </summary>
internal sealed class RunLock : IDisposable
{
    public const string FileName = ".lock";
    public const string HolderName = ".holder.json";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly FileStream _file;
    private readonly string _holder;

    private RunLock(FileStream file, string holder) => (_file, _holder) = (file, holder);

    /// <summary>Takes the lock, or says who has it.</summary>
    /// <exception cref="ZipLMException"><c>RunLocked</c>, <c>FileNotWritable</c>.</exception>
    public static RunLock Take(string directory, IReporter reporter)
    {
        var (path, holder) = (Path.Combine(directory, FileName), Path.Combine(directory, HolderName));
        var taken = new RunLock(Lock(directory, path), holder);
        try
        {
            if (Describe(holder) is { } dead)
            {
                reporter.Warning($"The run directory was in use by {dead}, which ended without giving it free: this run takes it over.");
            }

            JsonFile.Write(holder, new()
            {
                ["process"] = Environment.ProcessId,
                ["user"] = Environment.UserName,
                ["machine"] = Environment.MachineName,
                ["since"] = DateTimeOffset.Now.ToString("yyyy-MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture),
            });
            return taken;
        }
        catch
        {
            taken._file.Dispose();
            throw;
        }
    }

    /// <summary>Who holds a directory's lock; null where nobody does.</summary>
    public static string? Holder(string directory)
    {
        try
        {
            new FileStream(Path.Combine(directory, FileName), FileMode.Open, FileAccess.Read, FileShare.Read).Dispose();
            return null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            return null;
        }
        catch (IOException)
        {
            return Describe(Path.Combine(directory, HolderName)) ?? "another process";
        }
    }

    public void Dispose()
    {
        try
        {
            File.Delete(_holder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next run takes it for that of a dead process, which does no harm.
        }

        _file.Dispose();
    }

    private static FileStream Lock(string directory, string path)
    {
        for (var again = true; ; again = false)
        {
            try
            {
                return new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (Exception e) when (WriteFailure.Explain(e, path, 0) is { } error)
            {
                throw error;
            }
            catch (IOException e) when (!HeldFile.Is(e))
            {
                throw WriteFailure.NotWritable(e, directory);
            }
            catch (IOException e)
            {
                // Who only looks whether it is locked holds it for a moment.
                if (!again)
                {
                    throw new ZipLMException("RunLocked", ErrorKind.InvalidOperation,
                        $"The run directory '{directory}' is in use by {Describe(Path.Combine(directory, HolderName)) ?? "another process"}.",
                        "Wait until that run ends, or stop it; Get-CompressionRun shows how far it is.", directory, e);
                }

                Thread.Sleep(Pause);
            }
        }
    }

    private static string? Describe(string holder)
    {
        if (!File.Exists(holder))
        {
            return null;
        }

        try
        {
            var who = JsonFile.Read(holder);
            return $"process {who["process"]} of {who["user"]} on {who["machine"]} since {who["since"]}";
        }
        catch (ZipLMException)
        {
            return "an unknown process";
        }
    }
}
