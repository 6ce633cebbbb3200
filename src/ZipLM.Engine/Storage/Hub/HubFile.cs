namespace ZipLM.Engine.Storage;

/// <summary>What the hub says of a file before it is fetched.</summary>
/// <param name="Name">Its name in the repository, with slashes.</param>
/// <param name="ETag">Names its content: SHA-256 of a large file, git's SHA-1 of a small one; a plain file name.</param>
/// <param name="Size">In bytes.</param>
internal sealed record HubFile(string Name, string ETag, long Size);
