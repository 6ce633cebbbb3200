namespace ZipLM.Host;

/// <summary>Finds the module that this program belongs to.</summary>
internal static class ModuleLocation
{
    /// <summary>The nearest ZipLM.psd1 in the program's folder or above it, or null.</summary>
    public static string? Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string manifest = Path.Combine(folder.FullName, "ZipLM.psd1");
            if (File.Exists(manifest))
                return manifest;
        }

        return null;
    }
}
