using System.Reflection;

namespace ZipLM.PowerShell.Tests;

/// <summary>Where the build put what the tests drive.</summary>
internal static class Built
{
    /// <summary>The module's manifest, by walking up from the tests.</summary>
    public static string Manifest { get; } = FindManifest();

    /// <summary>The program.</summary>
    public static string Ziplm { get; } = typeof(Built).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "ziplm").Value!;

    private static string FindManifest()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Path.Combine(folder.FullName, "ZipLM.psd1") is var manifest && File.Exists(manifest))
                return manifest;
        }

        throw new FileNotFoundException("No ZipLM.psd1 above the tests.");
    }
}
