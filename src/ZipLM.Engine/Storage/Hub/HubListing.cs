using System.Text.Json;

namespace ZipLM.Engine.Storage;

/// <summary>A repository at one commit.</summary>
/// <param name="Commit">The commit; a plain file name.</param>
/// <param name="Files">Names of its files; each leads to a place below the snapshot's directory.</param>
internal sealed record HubListing(string Commit, IReadOnlyList<string> Files)
{
    /// <summary>Reads the hub's answer.</summary>
    /// <exception cref="ZipLMException"><c>HubAnswerInvalid</c>, <c>HubPathTraversal</c>.</exception>
    public static HubListing Parse(JsonElement answer, HubRepository repository, Uri address)
    {
        if (answer.ValueKind != JsonValueKind.Object
            || !answer.TryGetProperty("sha", out JsonElement sha) || sha.ValueKind != JsonValueKind.String || !ModelName.IsValidPart(sha.GetString()!)
            || !answer.TryGetProperty("siblings", out JsonElement siblings) || siblings.ValueKind != JsonValueKind.Array)
        {
            throw HubErrors.AnswerInvalid(address, "it names no commit and files");
        }

        var files = new List<string>();
        foreach (JsonElement sibling in siblings.EnumerateArray())
        {
            if (sibling.ValueKind != JsonValueKind.Object || !sibling.TryGetProperty("rfilename", out JsonElement name) || name.ValueKind != JsonValueKind.String)
                throw HubErrors.AnswerInvalid(address, "a file has no name");
            files.Add(IsBelow(name.GetString()!) ? name.GetString()! : throw HubErrors.PathTraversal(repository, name.GetString()!));
        }

        return new HubListing(sha.GetString()!, files);
    }

    // Backslash and colon too, on every system: they part names elsewhere.
    private static bool IsBelow(string name) =>
        name.Split('/').All(part => part.Length > 0 && part is not ("." or "..")) && !name.Any(c => c is '\\' or ':' || char.IsControl(c));
}
