using System.Collections;
using System.Management.Automation;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;

namespace ZipLM.PowerShell.Commands;

/// <summary>Shows, one row each, the things that must work for the module to work.</summary>
/// <example>
///   <code>Test-ZipLMEnvironment</code>
///   <para>A warning does not keep the module from working; a check that failed does.</para>
///   <code>
///   Check              Status   Detail
///   -----              ------   ------
///   PowerShell         Passed   7.6.9 in ziplm
///   .NET               Passed   .NET 10.0.12 on Debian GNU/Linux 12 (bookworm)
///   Native libraries   Passed   /opt/ziplm/module/bin/dependencies/runtimes/linux-x64/native (module)
///   Torch              Passed   TorchSharp 0.107.0, libtorch 2.10.0, 2 threads
///   CUDA               Warning  This libtorch has no CUDA part; models run on the CPU. On a machine with an NVIDIA GPU set
///                               ZIPLM_LIBTORCH to the folder of a libtorch 2.10.0 with CUDA, or install the package built w
///                               ith -TorchBackend cuda.
///   ONNX Runtime       Passed   1.31.1, on the CPU
///   Memory             Passed   23.5 GiB for this process
///   Model store        Passed   /srv/ziplm, 78.1 GiB free
///   </code>
/// </example>
/// <example>
///   <code>Test-ZipLMEnvironment | Where-Object Status -ne Passed | ForEach-Object Remedy</code>
///   <para>What to do, and nothing when there is nothing to do.</para>
///   <code>On a machine with an NVIDIA GPU set ZIPLM_LIBTORCH to the folder of a libtorch 2.10.0 with CUDA, or install the package built with -TorchBackend cuda.</code>
/// </example>
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
