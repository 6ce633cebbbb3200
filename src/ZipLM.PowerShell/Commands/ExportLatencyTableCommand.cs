using System.Management.Automation;
using ZipLM.Engine.Compression;

namespace ZipLM.PowerShell.Commands;

/// <summary>Saves a latency table as a YAML file, whole or not at all.</summary>
/// <example>
///   <code>Get-Model bert | Measure-LayerLatency | Export-LatencyTable ./bert.latency.yaml -WhatIf</code>
///   <para>Says what would be written.</para>
///   <code>What if: Performing the operation "Export the latency table of bert" on target "/srv/data/bert.latency.yaml".</code>
/// </example>
/// <example>
///   <code>$table | Export-LatencyTable ./bert.latency.yaml -Force; Get-Content ./bert.latency.yaml -TotalCount 9</code>
///   <para>Overwrites a file that is there. The file says which model and environment the times are true for.</para>
///   <code>
///   schema: 1
///   model:
///     name: bert
///     path: /srv/ziplm/models/bert
///     family: bert
///     layers: 4
///     hidden_size: 128
///     heads: 4
///     width: 512
///   </code>
/// </example>
[Cmdlet(VerbsData.Export, "LatencyTable", SupportsShouldProcess = true)]
[OutputType(typeof(LatencyTable))]
public sealed class ExportLatencyTableCommand : EngineCommand
{
    private int _exported;

    /// <summary>The table.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    public LatencyTable LatencyTable { get; set; } = null!;

    /// <summary>The file to write.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = string.Empty;

    /// <summary>Overwrite a file that is there.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Pass the table on.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        try
        {
            if (_exported++ > 0)
            {
                throw new ZipLMException("ExportTargetTaken", ErrorKind.InvalidArgument,
                    $"The table of '{LatencyTable.Model.Name}' would overwrite the one that was exported before it to the same file.",
                    "Export tables one by one, each to a file of its own.", LatencyTable);
            }

            var path = ResolvePath(Path);
            if (!ShouldProcess(path, $"Export the latency table of {LatencyTable.Model.Name}"))
            {
                return;
            }

            LatencyTableFlow.Export(LatencyTable, path, Force);
            if (PassThru)
            {
                WriteObject(LatencyTable);
            }
        }
        catch (ZipLMException e)
        {
            WriteError(Errors.Record(e, Path));
        }
    }
}
