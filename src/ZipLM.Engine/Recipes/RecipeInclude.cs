using YamlDotNet.RepresentationModel;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>
/// A recipe file with the files that it includes: what a file says itself goes before what it includes, and of those the
/// later goes before the earlier. Mappings are merged key by key, all else is replaced as a whole.
/// </summary>
internal sealed class RecipeInclude
{
    private readonly string _folder;
    private readonly Dictionary<YamlNode, string> _files = new(ReferenceEqualityComparer.Instance);

    private RecipeInclude(string folder) => _folder = folder;

    /// <summary>Reads a file; every value still knows the file that it stands in.</summary>
    /// <param name="path">Absolute path; what is included must lie in its folder or below.</param>
    public static YamlMap Read(string path)
    {
        var include = new RecipeInclude(Path.GetDirectoryName(path)!);
        var root = include.Load(path, [path]);
        return new(root, node => include._files.GetValueOrDefault(node, path));
    }

    private YamlMappingNode Load(string path, IReadOnlyList<string> chain)
    {
        var root = YamlFile.ReadRoot(path);
        foreach (var node in YamlFile.Nodes(root))
        {
            _files[node] = path;
        }

        var map = new YamlMap(root, path);
        if (map.Whole("schema", 1) is var schema and not RecipeFile.Schema)
        {
            throw map.Invalid("schema", $"the recipe is of schema {schema}, but this version of ZipLM reads {RecipeFile.Schema}.");
        }

        var included = map.Or("include", map.Texts, []);
        root.Children.Remove("schema");
        root.Children.Remove("include");
        foreach (var name in included.Reverse())
        {
            Merge(root, Load(Resolve(name, path, chain, map), [.. chain, Resolve(name, path, chain, map)]));
        }

        return root;
    }

    private string Resolve(string name, string path, IReadOnlyList<string> chain, YamlMap map)
    {
        var full = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, name));
        // A link may point anywhere; what counts is where the file is.
        var real = File.Exists(full) ? File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full : full;
        if (Path.IsPathRooted(name) || !IsBelow(full) || !IsBelow(real))
        {
            throw new ZipLMException("RecipeIncludeOutside", ErrorKind.InvalidData,
                $"{map.Invalid("include", $"'{name}' lies outside of '{_folder}', the recipe's folder.").Message}",
                "Include only files beside the recipe or below: copy the file there.", path);
        }

        if (chain.Contains(full, StringComparer.Ordinal))
        {
            throw new ZipLMException("RecipeIncludeCycle", ErrorKind.InvalidData,
                $"{map.Invalid("include", $"the files include each other: {string.Join(" → ", chain.SkipWhile(f => f != full).Append(full).Select(Path.GetFileName))}.").Message}",
                "Take one of the includes out.", path);
        }

        return File.Exists(full) ? full : throw map.Invalid("include", $"the file '{full}' does not exist.");
    }

    private bool IsBelow(string path) => path.StartsWith(_folder.TrimEnd(Path.DirectorySeparatorChar) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static void Merge(YamlMappingNode into, YamlMappingNode from)
    {
        foreach (var (key, value) in from.Children)
        {
            if (!into.Children.TryGetValue(key, out var own))
            {
                into.Children.Add(key, value);
            }
            else if (own is YamlMappingNode ownMap && value is YamlMappingNode map)
            {
                Merge(ownMap, map);
            }
        }
    }
}
