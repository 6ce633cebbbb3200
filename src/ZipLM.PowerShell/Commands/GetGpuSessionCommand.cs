using System.Management.Automation;

namespace ZipLM.PowerShell.Commands;

/// <summary>Gets this runspace's sessions; the last one is used by default.</summary>
/// <example>
///   <code>Get-GpuSession</code>
///   <para>Shows device, precision, threads, the models whose weights are in memory, and the memory.</para>
///   <code>
///   Id              : 1
///   Device          : cpu
///   DeviceName      : AMD EPYC
///   Precision       : Float32
///   Threads         : 2
///   Seed            : 7
///   CalibrationData :
///   Models          : bert, bert, bert-2x, bert-4x
///   Resident        : 24.1 MB
///   Free            : 23.8 GB
///   Total           : 25.3 GB
///   </code>
/// </example>
/// <example>
///   <code>(Get-GpuSession).Models</code>
///   <para>Lists the models whose weights are in memory.</para>
///   <code>
///   Name                       Parameters Heads                Widths                        Speedup Saved
///   ----                       ---------- -----                ------                        ------- -----
///   bert                           1.84 M 4 × 4                4 × 512                               /srv/ziplm/models/bert
///   bert                           1.84 M 4 × 4                4 × 512                               /srv/ziplm/models/bert
///   bert-2x                        1.23 M 4 × 2                41 56 41 16                     2.06× /srv/data/bert-2x
///   bert-4x                        1.10 M 0 0 0 2              18 16 16 16                     4.07× /srv/data/bert-4x
///   </code>
/// </example>
[Cmdlet(VerbsCommon.Get, "GpuSession")]
[OutputType(typeof(GpuSession))]
public sealed class GetGpuSessionCommand : EngineCommand
{
    /// <inheritdoc />
    protected override void EndProcessing() => WriteObject(Sessions.Current.ToArray(), enumerateCollection: true);
}
