using System.Globalization;

namespace ZipLM.Engine.Runtime;

/// <summary>The memory of the machine, or of the container that the process is in.</summary>
internal static class HostMemory
{
    /// <summary>Free and total bytes; null when the system does not say.</summary>
    /// <param name="proc">The folder of <c>meminfo</c>.</param>
    /// <param name="cgroup">The folder of the container's limit and use (cgroup version 2, or version 1 with a folder <c>memory</c>).</param>
    public static (long Free, long Total)? Read(string proc, string cgroup)
    {
        var machine = Lines(Path.Combine(proc, "meminfo"));
        if (Value(machine, "MemAvailable:") is not { } available || Value(machine, "MemTotal:") is not { } total)
        {
            return null;
        }

        // Both in kB. MemAvailable counts caches that the kernel would give back, and so must the use of a container.
        var (free, all) = (available * 1024, total * 1024);
        var (limit, used, caches) = Container(cgroup);
        return limit is { } most && used is { } present && most < all
            ? (Math.Clamp(most - present + (caches ?? 0), 0, free), most)
            : (free, all);
    }

    private static (long? Limit, long? Used, long? Caches) Container(string cgroup)
    {
        var old = Path.Combine(cgroup, "memory");
        return Directory.Exists(old)
            ? (First(old, "memory.limit_in_bytes"), First(old, "memory.usage_in_bytes"), Value(Lines(Path.Combine(old, "memory.stat")), "total_inactive_file"))
            : (First(cgroup, "memory.max"), First(cgroup, "memory.current"), Value(Lines(Path.Combine(cgroup, "memory.stat")), "inactive_file"));
    }

    private static long? First(string folder, string file) => Number(Lines(Path.Combine(folder, file)).FirstOrDefault());

    private static long? Value(string[] lines, string key) => Number(lines
        .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .FirstOrDefault(words => words.Length > 1 && words[0] == key)?[1]);

    private static long? Number(string? text) =>
        long.TryParse(text, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
