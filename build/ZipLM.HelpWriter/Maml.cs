using System.Xml.Linq;

namespace ZipLM.HelpWriter;

/// <summary>The names of PowerShell's help format, as its help engine reads them.</summary>
internal static class Maml
{
    public static readonly XNamespace None = "http://msh";
    public static readonly XNamespace Text = "http://schemas.microsoft.com/maml/2004/10";
    public static readonly XNamespace Command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    public static readonly XNamespace Dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    public static IEnumerable<XAttribute> Prefixes =>
    [
        new(XNamespace.Xmlns + "maml", Text.NamespaceName),
        new(XNamespace.Xmlns + "command", Command.NamespaceName),
        new(XNamespace.Xmlns + "dev", Dev.NamespaceName),
    ];

    /// <summary>A description of one paragraph or more.</summary>
    public static XElement Description(params IEnumerable<string> paragraphs) => new(Text + "description", Paragraphs(paragraphs));

    public static IEnumerable<XElement> Paragraphs(IEnumerable<string> paragraphs) => paragraphs.Select(text => new XElement(Text + "para", text));
}
