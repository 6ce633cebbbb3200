using System.Collections;
using System.Management.Automation;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;

namespace ZipLM.PowerShell.Commands;

/// <summary>Shows, one row each, the things that must work for the module to work.</summary>
[Cmdlet(VerbsDiagnostic.Test, "ZipLMEnvironment")]
[OutputType(typeof(EnvironmentCheck))]
public sealed class TestZipLMEnvironmentCommand : PSCmdlet
{
    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        var versions = (IDictionary)SessionState.PSVariable.GetValue("PSVersionTable");
        WriteObject(new EnvironmentCheck("PowerShell", CheckStatus.Passed, $"{versions["PSVersion"]} in {Host.Name}"));
        foreach (EnvironmentCheck check in EnvironmentChecks.Run(ModelStore.Default().Root))
            WriteObject(check);
    }
}
