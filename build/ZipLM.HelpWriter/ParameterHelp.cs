using System.Globalization;
using System.Management.Automation;
using System.Reflection;
using System.Xml.Linq;
using Microsoft.PowerShell;
using static ZipLM.HelpWriter.Maml;

namespace ZipLM.HelpWriter;

/// <summary>The help of one parameter.</summary>
/// <param name="parameter">What PowerShell knows of it.</param>
/// <param name="property">Its property; null for -WhatIf and -Confirm, which PowerShell adds.</param>
/// <param name="instance">The command as it is before anything is bound, for the default value.</param>
internal sealed class ParameterHelp(CommandParameterInfo parameter, PropertyInfo? property, object instance, XmlDocs docs)
{
    /// <summary>The element, in full or as the syntax shows it.</summary>
    public XElement Write(bool full)
    {
        XElement element = new(Command + "parameter",
            new XAttribute("required", parameter.IsMandatory ? "true" : "false"),
            new XAttribute("globbing", property?.IsDefined(typeof(SupportsWildcardsAttribute)) == true ? "true" : "false"),
            new XAttribute("pipelineInput", Pipeline()),
            new XAttribute("position", parameter.Position < 0 ? "named" : parameter.Position.ToString(CultureInfo.InvariantCulture)),
            new XAttribute("aliases", parameter.Aliases.Count == 0 ? "none" : string.Join(", ", parameter.Aliases)),
            new XElement(Text + "name", parameter.Name));
        if (full)
            element.Add(Description([Summary(), .. Values()]));
        if (parameter.ParameterType != typeof(SwitchParameter))
            element.Add(new XElement(Command + "parameterValue", new XAttribute("required", "true"), TypeName()));
        if (full)
            element.Add(new XElement(Dev + "type", new XElement(Text + "name", TypeName())), new XElement(Dev + "defaultValue", Default()));
        return element;
    }

    private string Summary() => parameter.Name switch
    {
        "WhatIf" when property is null => "Says what would happen, and does nothing.",
        "Confirm" when property is null => "Asks before anything is done.",
        _ => docs.Summary(property!),
    };

    private IEnumerable<string> Values()
    {
        IEnumerable<string> values = parameter.ParameterType.IsEnum
            ? Enum.GetNames(parameter.ParameterType)
            : parameter.Attributes.OfType<ValidateSetAttribute>().SelectMany(set => set.ValidValues);
        return values.Any() ? [$"One of: {string.Join(", ", values)}."] : [];
    }

    private string Pipeline() => (parameter.ValueFromPipeline, parameter.ValueFromPipelineByPropertyName) switch
    {
        (true, true) => "True (ByValue, ByPropertyName)",
        (true, false) => "True (ByValue)",
        (false, true) => "True (ByPropertyName)",
        _ => "False",
    };

    /// <summary>The type as a script would write it, without namespace: <c>string[]</c>, <c>Model</c>.</summary>
    private string TypeName()
    {
        Type type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        return ToStringCodeMethods.Type(PSObject.AsPSObject(type)).Split('.')[^1];
    }

    /// <summary>The value that holds when none is given. One that could not be given stands for something that the text says.</summary>
    private string Default()
    {
        if (parameter.ParameterType == typeof(SwitchParameter))
            return "False";
        object? value = parameter.IsMandatory ? null : property!.GetValue(instance);
        bool outOfRange = value is IComparable number && parameter.Attributes.OfType<ValidateRangeAttribute>().Any(range => number.CompareTo(range.MinRange) < 0);
        return value switch
        {
            null => "None",
            Array { Length: 0 } => "None",
            Array values => string.Join(", ", values.Cast<object>().Select(Plain)),
            _ => outOfRange ? "None" : Plain(value),
        };

        static string Plain(object value) => Convert.ToString(value, CultureInfo.InvariantCulture)!;
    }
}
