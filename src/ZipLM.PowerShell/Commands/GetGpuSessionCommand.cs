using System.Management.Automation;

namespace ZipLM.PowerShell.Commands;

/// <summary>Gets this runspace's sessions; the last one is used by default.</summary>
/// <example>
///   <code>Get-GpuSession</code>
///   <para>Shows device, precision, threads, resident models and memory.</para>
/// </example>
/// <example>
///   <code>(Get-GpuSession).Models</code>
///   <para>Lists the models whose weights are in memory.</para>
/// </example>
[Cmdlet(VerbsCommon.Get, "GpuSession")]
[OutputType(typeof(GpuSession))]
public sealed class GetGpuSessionCommand : EngineCommand
{
    /// <inheritdoc />
    protected override void EndProcessing() => WriteObject(Sessions.Current.ToArray(), enumerateCollection: true);
}
