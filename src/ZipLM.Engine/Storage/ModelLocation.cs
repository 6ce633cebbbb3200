namespace ZipLM.Engine.Storage;

/// <summary>Where a model was found.</summary>
/// <param name="Name">The name to show: as asked for, or the directory's own name when a path was given.</param>
/// <param name="Directory">Its directory, in Hugging Face layout.</param>
public sealed record ModelLocation(string Name, string Directory);
