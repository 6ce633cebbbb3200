using System.Reflection;

namespace ZipLM.PowerShell.Tests;

/// <summary>Where the build put what the tests drive.</summary>
internal static class Built
{
    /// <summary>The module's manifest, by walking up from the tests.</summary>
    public static string Manifest { get; } = Path.Combine(FolderAbove("ZipLM.psd1"), "ZipLM.psd1");

    /// <summary>Where the source is. The module may have been built elsewhere.</summary>
    public static string Repository { get; } = FolderAbove("ZipLM.PS.sln");

    /// <summary>The program.</summary>
    public static string Ziplm { get; } = typeof(Built).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "ziplm").Value!;

    private static string FolderAbove(string file)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, file)))
                return folder.FullName;
        }

        throw new FileNotFoundException($"No {file} above the tests.");
    }
}
