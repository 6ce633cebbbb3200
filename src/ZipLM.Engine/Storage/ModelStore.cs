namespace ZipLM.Engine.Storage;

/// <summary>The models of this account: directories under <c>models/</c> in ZipLM's data folder.</summary>
/// <param name="root">The data folder; it need not exist.</param>
public sealed class ModelStore(string root)
{
    private readonly string _models = Path.Combine(Path.GetFullPath(root), "models");

    /// <summary>The data folder; it need not exist.</summary>
    public string Root { get; } = Path.GetFullPath(root);

    /// <summary>The store at <c>ZIPLM_HOME</c>, else in the platform's data folder.</summary>
    public static ModelStore Default() => FromEnvironment(Environment.GetEnvironmentVariable);

    /// <summary>The directory of a model, or null when the store has none of that name.</summary>
    public string? Find(string name)
    {
        if (!ModelName.IsValid(name))
            return null;
        string directory = DirectoryOf(name);
        return File.Exists(Path.Combine(directory, ModelDirectory.ConfigFile)) ? directory : null;
    }

    /// <summary>The directory where a model of this name belongs, whether it is there or not.</summary>
    /// <exception cref="ZipLMException"><c>ModelNameInvalid</c>; <c>ModelNameTaken</c> when the first part of the name is a model itself.</exception>
    public string PathFor(string name)
    {
        if (!ModelName.IsValid(name))
        {
            throw new ZipLMException(
                "ModelNameInvalid",
                ErrorKind.InvalidArgument,
                $"'{name}' cannot be the name of a model.",
                "Use letters, digits, '.', '_' and '-', not starting with '.', at most 128 of them; one '/' may part an organisation from a name.",
                name);
        }

        // A model inside another one would be deleted with it.
        if (name.Split('/') is [var organisation, _] && Find(organisation) is { } other)
        {
            throw new ZipLMException(
                "ModelNameTaken",
                ErrorKind.Exists,
                $"'{name}' cannot be stored: '{organisation}' is a model itself ('{other}').",
                "Use another name.",
                name);
        }

        return DirectoryOf(name);
    }

    /// <summary>Names of the models in the store, sorted.</summary>
    public IReadOnlyList<string> List()
    {
        var names = new List<string>();
        foreach (string first in Folders(_models))
        {
            if (Find(first) is not null)
                names.Add(first);
            else
                names.AddRange(Folders(Path.Combine(_models, first)).Select(second => $"{first}/{second}").Where(name => Find(name) is not null));
        }

        names.Sort(StringComparer.Ordinal);
        return names;
    }

    /// <summary>The store that these environment variables ask for.</summary>
    internal static ModelStore FromEnvironment(Func<string, string?> environment) =>
        new(environment("ZIPLM_HOME") is { Length: > 0 } home
            ? home
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "ziplm"));

    private static IEnumerable<string> Folders(string directory) =>
        Directory.Exists(directory)
            ? Directory.EnumerateDirectories(directory).Select(path => Path.GetFileName(path)).Where(ModelName.IsValidPart)
            : [];

    internal string DirectoryOf(string name) => Path.Combine([_models, .. name.Split('/')]);
}
