using System.Text;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ZipLM.Engine.Storage;

/// <summary>Reads and writes files that hold one YAML mapping.</summary>
internal static class YamlFile
{
    /// <summary>Reads a mapping; what is in it is checked as it is asked for.</summary>
    /// <exception cref="ZipLMException"><c>YamlMissing</c>, <c>YamlUnreadable</c>; <c>YamlInvalid</c> with the line.</exception>
    public static YamlMap Read(string path) => new(ReadRoot(path), path);

    /// <summary>The same, as the library has it.</summary>
    public static YamlMappingNode ReadRoot(string path)
    {
        var stream = new YamlStream();
        var text = ReadText(path);
        var parser = new Parser(new StringReader(text));
        try
        {
            stream.Load(parser);
        }
        catch (YamlException e)
        {
            throw YamlMap.Invalid(path, e.Start, e.InnerException?.Message ?? e.Message, e);
        }
        catch (InvalidOperationException e)
        {
            // What the library says of a flow list that another key interrupts.
            throw YamlMap.Invalid(path, parser.Current?.End ?? Mark.Empty, "a list or mapping in brackets is not closed here.", e);
        }

        if (stream.Documents is [{ RootNode: YamlMappingNode root }])
        {
            RequireFinite(root, path);
            return root;
        }

        throw YamlMap.Invalid(path, Mark.Empty, string.IsNullOrWhiteSpace(text) ? "the file is empty." : "the file must hold one mapping of keys to values.");
    }

    /// <summary>Writes a mapping by way of <see cref="AtomicFile"/>.</summary>
    public static void Write(string path, YamlMappingNode content)
    {
        using var text = new StringWriter { NewLine = "\n" };
        new YamlStream(new YamlDocument(content)).Save(new Emitter(text, new EmitterSettings(bestIndent: 2, bestWidth: int.MaxValue, isCanonical: false, maxSimpleKeyLength: 1024, newLine: "\n")), assignAnchors: false);
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(text.ToString()));
    }

    /// <summary>Each node once, however many aliases there are of it; a parent comes before what is in it.</summary>
    public static IEnumerable<YamlNode> Nodes(YamlNode root)
    {
        var seen = new HashSet<YamlNode>(ReferenceEqualityComparer.Instance);
        var open = new Stack<YamlNode>([root]);
        while (open.TryPop(out var node))
        {
            if (seen.Add(node))
            {
                yield return node;
                foreach (var child in Children(node))
                {
                    open.Push(child);
                }
            }
        }
    }

    /// <summary>An alias within what it stands for would have no end.</summary>
    private static void RequireFinite(YamlNode root, string path)
    {
        var (within, through) = (new HashSet<YamlNode>(ReferenceEqualityComparer.Instance), new HashSet<YamlNode>(ReferenceEqualityComparer.Instance));
        Visit(root);

        void Visit(YamlNode node)
        {
            if (!within.Add(node))
            {
                throw YamlMap.Invalid(path, node.Start, "what stands here contains an alias of itself.");
            }

            foreach (var child in Children(node).Where(c => !through.Contains(c)))
            {
                Visit(child);
            }

            within.Remove(node);
            through.Add(node);
        }
    }

    private static IEnumerable<YamlNode> Children(YamlNode node) => node switch
    {
        YamlMappingNode map => map.Children.SelectMany(pair => new[] { pair.Key, pair.Value }),
        YamlSequenceNode list => list.Children,
        _ => [],
    };

    private static string ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ZipLMException("YamlMissing", ErrorKind.NotFound, $"The file '{path}' does not exist.", "Check the path.", path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ZipLMException("YamlUnreadable", ErrorKind.ResourceUnavailable, $"'{path}' cannot be read: {e.Message}", "Check the path and its permissions.", path, e);
        }
    }
}
