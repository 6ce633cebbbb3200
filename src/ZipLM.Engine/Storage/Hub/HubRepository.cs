namespace ZipLM.Engine.Storage;

/// <summary>A model or a data set of the hub.</summary>
/// <param name="Id"><c>org/name</c>, or a plain name as the oldest have it.</param>
/// <param name="IsDataset">A data set; else a model.</param>
internal sealed record HubRepository(string Id, bool IsDataset)
{
    /// <summary>What the folders of models in the cache start with.</summary>
    public const string ModelPrefix = "models--";

    /// <summary>Its folder in the cache.</summary>
    public string Folder => (IsDataset ? "datasets--" : ModelPrefix) + Id.Replace("/", "--", StringComparison.Ordinal);

    /// <summary>What it is called in messages.</summary>
    public string Kind => IsDataset ? "data set" : "model";

    public static HubRepository Model(string id) => new(id, IsDataset: false);

    public static HubRepository Dataset(string id) => new(id, IsDataset: true);

    /// <summary>Where the hub tells a revision's commit and files, below its address.</summary>
    public string ListPath(string revision) => $"api/{(IsDataset ? "datasets" : "models")}/{Id}/revision/{Uri.EscapeDataString(revision)}";

    /// <summary>Where the hub has a file, below its address.</summary>
    public string FilePath(string commit, string file) =>
        $"{(IsDataset ? "datasets/" : "")}{Id}/resolve/{commit}/{string.Join('/', file.Split('/').Select(Uri.EscapeDataString))}";

    /// <inheritdoc />
    public override string ToString() => $"{Kind} '{Id}'";
}
