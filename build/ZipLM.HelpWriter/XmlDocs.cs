using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace ZipLM.HelpWriter;

/// <summary>The XML documentation that the compiler wrote beside an assembly. What is not there is noted, and fails the build.</summary>
internal sealed partial class XmlDocs
{
    private readonly Dictionary<string, XElement> _members;
    private readonly SortedSet<string> _missing = new(StringComparer.Ordinal);

    private XmlDocs(Dictionary<string, XElement> members) => _members = members;

    /// <summary>What was asked for and is not written, one sentence each.</summary>
    public IReadOnlyCollection<string> Missing => _missing;

    public static XmlDocs Load(string path) =>
        new(XDocument.Load(path, LoadOptions.PreserveWhitespace).Descendants("member").ToDictionary(member => member.Attribute("name")!.Value, StringComparer.Ordinal));

    /// <summary>The summary of a command's class or of a parameter's property.</summary>
    public string Summary(MemberInfo member)
    {
        string text = Member(member)?.Element("summary") is { } summary ? Flow(summary) : string.Empty;
        if (text.Length == 0)
            _missing.Add($"{Id(member)} has no <summary>.");
        return text;
    }

    /// <summary>The remarks, paragraph by paragraph; none is none.</summary>
    public IReadOnlyList<string> Remarks(Type type)
    {
        if (Member(type)?.Element("remarks") is not { } remarks)
            return [];
        return remarks.Elements("para").Any() ? [.. remarks.Elements("para").Select(Flow)] : [Flow(remarks)];
    }

    /// <summary>The examples: in each the first <c>code</c> is what is typed, the second what it then prints.</summary>
    public IReadOnlyList<Example> Examples(Type type)
    {
        var examples = new List<Example>();
        foreach (XElement example in Member(type)?.Elements("example") ?? [])
        {
            string[] code = [.. example.Elements("code").Select(Verbatim)];
            if (code.Length != 2)
                _missing.Add($"{Id(type)}, example {examples.Count + 1}, needs two <code>: the command and its output.");
            else
                examples.Add(new Example(code[0], code[1], [.. example.Elements("para").Select(Flow)]));
        }

        if (examples.Count < 2)
            _missing.Add($"{Id(type)} needs two <example>.");
        return examples;
    }

    private static string Id(MemberInfo member) => member is Type type ? $"T:{type.FullName}" : $"P:{member.DeclaringType!.FullName}.{member.Name}";

    private XElement? Member(MemberInfo member) => _members.GetValueOrDefault(Id(member));

    /// <summary>Running text: tags become the words that they stand for, and lines are joined.</summary>
    private static string Flow(XElement element)
    {
        IEnumerable<string> words = element.Nodes().Select(node => node switch
        {
            XText text => text.Value,
            XElement { HasElements: false, IsEmpty: true } tag => tag.Attributes().FirstOrDefault()?.Value.Split('.', ':')[^1] ?? " ",
            XElement tag => Flow(tag),
            _ => string.Empty,
        });
        return Spaces().Replace(string.Concat(words), " ").Trim();
    }

    /// <summary>Code and output keep their lines; what all lines are indented by goes.</summary>
    private static string Verbatim(XElement element)
    {
        string[] lines = [.. element.Value.Split('\n').Select(line => line.TrimEnd())];
        int indent = lines.Where(line => line.Length > 0).Select(line => line.Length - line.TrimStart().Length).DefaultIfEmpty().Min();
        return string.Join('\n', lines.Select(line => line.Length > indent ? line[indent..] : string.Empty)).Trim('\n');
    }

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Spaces();
}
