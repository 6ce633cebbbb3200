using System.Security.Cryptography;
using System.Text;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>SHA-256, in small hexadecimal digits.</summary>
internal static class ContentHash
{
    public static string OfText(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    public static string OfFile(string path, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        var buffer = new byte[1 << 20];
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, read);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Of the files of a model: names and contents. What else lies beside them, such as an export or a readme, is not of it.</summary>
    public static string OfModel(string directory, CancellationToken cancellationToken) => OfText(string.Join('\n', Directory.GetFiles(directory)
        .Where(f => HubModelFiles.IsOne(Path.GetFileName(f))).Order(StringComparer.Ordinal)
        .Select(f => $"{Path.GetFileName(f)} {OfFile(f, cancellationToken)}")));
}
