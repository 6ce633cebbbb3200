using System.Collections;
using System.Management.Automation;
using Xunit;

namespace ZipLM.PowerShell.Tests;

public sealed class ManifestTests(ModuleSession session) : IClassFixture<ModuleSession>
{
    [Fact]
    public void ImportingWarnsOfNothing() => Assert.Empty(session.ImportWarnings);

    [Fact]
    public void EveryCommandOfTheManifestExistsAndNoOther()
    {
        // Read as data: the engine leaves a name without a command out without a word.
        var manifest = (Hashtable)session.Run($"& ([scriptblock]::Create([IO.File]::ReadAllText('{Built.Manifest}')))").Single().BaseObject;
        string[] promised = [.. ((object[])manifest["CmdletsToExport"]!).Cast<string>()];
        string[] found = [.. session.Run("Get-Command -Module ZipLM").Select(command => ((CommandInfo)command.BaseObject).Name)];
        Assert.Equal(promised.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
        Assert.Contains("Test-ZipLMEnvironment", found);
    }

    [Fact]
    public void EveryVerbIsApproved()
    {
        string[] approved = [.. new[] { typeof(VerbsCommon), typeof(VerbsCommunications), typeof(VerbsData), typeof(VerbsDiagnostic), typeof(VerbsLifecycle), typeof(VerbsSecurity), typeof(VerbsOther) }
            .SelectMany(group => group.GetFields()).Select(verb => verb.Name)];
        Assert.All(session.Run("Get-Command -Module ZipLM"), command => Assert.Contains(((CmdletInfo)command.BaseObject).Verb, approved));
    }

    [Fact]
    public void EveryCommandDeclaresItsOutput() =>
        Assert.All(session.Run("Get-Command -Module ZipLM | Where-Object Verb -notin 'Export', 'Disconnect'"), command => Assert.NotEmpty(((CmdletInfo)command.BaseObject).OutputType));

    [Fact]
    public void TheManifestIsClean()
    {
        var module = (PSModuleInfo)session.Run($"Test-ModuleManifest '{Built.Manifest}'").Single().BaseObject;
        Assert.Equal(new Version(7, 6), module.PowerShellVersion);
        Assert.NotEmpty(module.Tags);
        Assert.NotNull(module.LicenseUri);
        Assert.NotNull(module.ProjectUri);
    }
}
