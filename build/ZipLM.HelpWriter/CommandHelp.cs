using System.Management.Automation;
using System.Xml.Linq;
using static ZipLM.HelpWriter.Maml;

namespace ZipLM.HelpWriter;

/// <summary>The help of one command.</summary>
internal sealed class CommandHelp(CmdletInfo command, XmlDocs docs)
{
    private readonly object _instance = Activator.CreateInstance(command.ImplementingType)!;

    /// <summary>All of it, in the order in which the format has it.</summary>
    public XElement Write()
    {
        string synopsis = docs.Summary(command.ImplementingType);
        return new(Command + "command",
            new XElement(Command + "details",
                new XElement(Command + "name", command.Name),
                new XElement(Command + "verb", command.Verb),
                new XElement(Command + "noun", command.Noun),
                Description(synopsis)),
            Description([synopsis, .. docs.Remarks(command.ImplementingType)]),
            new XElement(Command + "syntax", command.ParameterSets.OrderByDescending(set => set.IsDefault).Select(Syntax)),
            new XElement(Command + "parameters", Parameters().Select(parameter => parameter.Write(full: true))),
            new XElement(Command + "inputTypes", Inputs().Select(type => Type(Command + "inputType", type))),
            new XElement(Command + "returnValues", command.OutputType.Select(type => Type(Command + "returnValue", type.Name))),
            new XElement(Command + "examples", docs.Examples(command.ImplementingType).Select(Example)),
            new XElement(Text + "relatedLinks", new XElement(Text + "navigationLink", new XElement(Text + "linkText", "about_ZipLM"))));
    }

    private XElement Syntax(CommandParameterSetInfo set) => new(Command + "syntaxItem",
        new XElement(Text + "name", command.Name),
        Own(set).Select(parameter => Help(parameter).Write(full: false)));

    /// <summary>Every parameter once, as the first set that has it sees it; the default set comes first.</summary>
    private IEnumerable<ParameterHelp> Parameters() => command.ParameterSets.OrderByDescending(set => set.IsDefault)
        .SelectMany(Own).DistinctBy(parameter => parameter.Name).OrderBy(parameter => Cmdlet.OptionalCommonParameters.Contains(parameter.Name)).Select(Help);

    /// <summary>A set's parameters without those that every command has: those by position, those that must be given, the rest, -WhatIf and -Confirm.</summary>
    private static IEnumerable<CommandParameterInfo> Own(CommandParameterSetInfo set) => set.Parameters
        .Where(parameter => !Cmdlet.CommonParameters.Contains(parameter.Name))
        .OrderBy(parameter => Cmdlet.OptionalCommonParameters.Contains(parameter.Name))
        .ThenBy(parameter => parameter.Position < 0 ? int.MaxValue : parameter.Position)
        .ThenByDescending(parameter => parameter.IsMandatory);

    private IEnumerable<string> Inputs() => command.ParameterSets.SelectMany(set => set.Parameters)
        .Where(parameter => parameter.ValueFromPipeline).Select(parameter => parameter.ParameterType.FullName!).Distinct(StringComparer.Ordinal).DefaultIfEmpty("None");

    private ParameterHelp Help(CommandParameterInfo parameter) => new(parameter, command.ImplementingType.GetProperty(parameter.Name), _instance, docs);

    private static XElement Type(XName name, string type) => new(name, new XElement(Dev + "type", new XElement(Text + "name", type)), Description());

    private static XElement Example(Example example, int index) => new(Command + "example",
        new XElement(Text + "title", $"-------------------------- Example {index + 1} --------------------------"),
        new XElement(Dev + "code", $"PS> {example.Code.Replace("\n", "\n>> ", StringComparison.Ordinal)}\n\n{example.Output}\n"),
        new XElement(Dev + "remarks", Paragraphs([.. example.Remarks, string.Empty])));
}
