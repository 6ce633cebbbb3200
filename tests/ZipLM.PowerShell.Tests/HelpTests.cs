using System.Collections;
using System.Management.Automation;
using System.Text.RegularExpressions;
using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>The help as PowerShell's own engine reads it.</summary>
public sealed partial class HelpTests(ModuleSession session) : IClassFixture<ModuleSession>
{
    public static TheoryData<string> Commands()
    {
        using var session = new ModuleSession();
        return [.. session.Run("Get-Command -Module ZipLM").Select(command => ((CommandInfo)command.BaseObject).Name)];
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void EveryCommandHasSynopsisParametersAndExamples(string command)
    {
        PSObject help = session.Run($"Get-Help {command} -Full").Single();

        // Without a help file the engine makes up a synopsis, which is the syntax.
        Assert.Matches(@"^\p{Lu}[^\[]+\.", Text(help, "Synopsis"));
        Assert.NotEmpty(Text(help, "description"));
        PSObject[] examples = Items(help, "examples", "example");
        Assert.True(examples.Length >= 2, "two examples");
        Assert.All(examples, example =>
        {
            string[] parts = Text(example, "code").Split("\n\n", 2);
            Assert.StartsWith("PS> ", parts[0], StringComparison.Ordinal);
            Assert.NotEmpty(parts[1].Trim());
            Assert.NotEmpty(Text(example, "remarks"));
        });

        PSObject[] parameters = Items(help, "parameters", "parameter");
        var actual = (CommandInfo)session.Run($"Get-Command {command}").Single().BaseObject;
        Assert.Equal(
            actual.Parameters.Keys.Except(Cmdlet.CommonParameters).Order(StringComparer.Ordinal),
            parameters.Select(parameter => Text(parameter, "name")).Order(StringComparer.Ordinal));
        Assert.All(parameters, parameter => Assert.NotEmpty(Text(parameter, "description")));
    }

    [Fact]
    public void AParameterIsDescribedAsItIs()
    {
        PSObject[] parameters = Items(session.Run("Get-Help Invoke-StructuredPrune -Full").Single(), "parameters", "parameter");
        PSObject speedup = parameters.Single(parameter => Text(parameter, "name") == "Speedup");
        Assert.Equal(("true", "1", "False", "double[]"), (Text(speedup, "required"), Text(speedup, "position"), Text(speedup, "pipelineInput"), Text(speedup, "type", "name")));
        PSObject model = parameters.Single(parameter => Text(parameter, "name") == "Model");
        Assert.Equal(("True (ByValue)", "Model"), (Text(model, "pipelineInput"), Text(model, "type", "name")));
        Assert.Equal("0.01", Text(parameters.Single(parameter => Text(parameter, "name") == "Damping"), "defaultValue"));
    }

    [Theory]
    [InlineData("Invoke-StructuredPrune", 4)]
    [InlineData("Import-TextDataset", 2)]
    public void ThereIsOneSyntaxForEachParameterSet(string command, int sets) =>
        Assert.Equal(sets, Items(session.Run($"Get-Help {command}").Single(), "Syntax", "syntaxItem").Length);

    [Theory]
    [InlineData("about_ZipLM")]
    [InlineData("about_ZipLM_Devices")]
    [InlineData("about_ZipLM_Recipes")]
    [InlineData("about_ZipLM_ScheduledTasks")]
    [InlineData("about_ZipLM_Troubleshooting")]
    public void TopicsAreFound(string topic)
    {
        string text = Topic(topic);
        Assert.Contains(topic, text, StringComparison.Ordinal);
        Assert.DoesNotContain(text.Split('\n'), line => line.TrimEnd().Length > 80);
    }

    [Fact]
    public void TopicsAreListedWithTheirShortDescription() =>
        Assert.All(session.Run("Get-Help about_ZipLM_*"), topic => Assert.EndsWith(".", Text(topic, "Synopsis"), StringComparison.Ordinal));

    /// <summary>Ids that stand in the source, by any spelling that makes one; a text that names another sends its reader nowhere.</summary>
    [Fact]
    public void EveryErrorThatTroubleshootingNamesExists()
    {
        string source = string.Concat(Directory.EnumerateFiles(Path.Combine(Built.Repository, "src"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText));
        string[] named = [.. ErrorId().Matches(Topic("about_ZipLM_Troubleshooting")).Select(match => match.Groups[1].Value)];
        Assert.Contains("ModelNotFound", named);
        Assert.All(named, id => Assert.True(source.Contains($"\"{id}\"", StringComparison.Ordinal) || source.Contains($"\"ZipLM.{id}\"", StringComparison.Ordinal), id));
    }

    [Fact]
    public void TroubleshootingNamesEveryError()
    {
        string[] ids = [.. Directory.EnumerateFiles(Path.Combine(Built.Repository, "src"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => ThrownId().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value)).Distinct(StringComparer.Ordinal)];
        Assert.Contains("ModelNotFound", ids);
        string topic = Topic("about_ZipLM_Troubleshooting");
        Assert.All(ids, id => Assert.Matches($@"\bZipLM\.{id}\b", topic));
    }

    [Fact]
    public void ZiplmShowsHelp()
    {
        ZiplmProcess result = ZiplmProcess.Run("-Command", "Get-Help Get-Model -Full; Get-Help about_ZipLM");
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Contains("-LiteralPath <string[]>", result.Output, StringComparison.Ordinal);
        Assert.Contains("PS> Get-Model bert", result.Output, StringComparison.Ordinal);
        Assert.Contains("THE WAY OF A MODEL", result.Output, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"ZipLM\.(\w+)", RegexOptions.CultureInvariant)]
    private static partial Regex ErrorId();

    [GeneratedRegex("""\"([A-Z]\w+)\",\s*ErrorKind\.""", RegexOptions.CultureInvariant)]
    private static partial Regex ThrownId();

    private string Topic(string name) => (string)session.Run($"Get-Help {name}").Single().BaseObject;

    /// <summary>A help object's text, however deep it is wrapped; empty where there is none.</summary>
    private static string Text(PSObject? help, params ReadOnlySpan<string> path)
    {
        object? value = help;
        foreach (string name in path)
            value = value is null ? null : PSObject.AsPSObject(value).Properties[name]?.Value;
        return Flat(value).Trim();
    }

    private static string Flat(object? value) => value switch
    {
        null => string.Empty,
        PSObject { BaseObject: IEnumerable and not string } list => Flat(list.BaseObject),
        PSObject item when item.Properties["Text"] is { } text => Flat(text.Value),
        IEnumerable items and not string => string.Join('\n', items.Cast<object?>().Select(Flat)),
        _ => value.ToString() ?? string.Empty,
    };

    private static PSObject[] Items(PSObject help, string group, string item) =>
        PSObject.AsPSObject(help.Properties[group].Value).Properties[item]?.Value switch
        {
            null => [],
            IEnumerable list and not string => [.. list.Cast<object>().Select(PSObject.AsPSObject)],
            PSObject { BaseObject: IEnumerable list } => [.. list.Cast<object>().Select(PSObject.AsPSObject)],
            var one => [PSObject.AsPSObject(one)],
        };
}
