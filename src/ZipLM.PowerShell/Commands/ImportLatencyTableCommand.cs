using System.Management.Automation;
using ZipLM.Engine.Compression;

namespace ZipLM.PowerShell.Commands;

/// <summary>Reads latency tables that Export-LatencyTable wrote.</summary>
/// <example>
///   <code>Import-LatencyTable ./bert.latency.yaml | Invoke-StructuredPrune -Speedup 3</code>
///   <para>The file names its model, which is found as Get-Model would. A table of another environment is refused without -Force.</para>
///   <code>
///   Name        : bert-3x
///   Parameters  : 1.14 M
///   Target      : 3.00×
///   Predicted   : 2.86×
///   Measured    : 3.21× ± 1.0 % (100 rounds)
///   Heads       : 0 0 1 1
///   Widths      : 56 69 56 24
///   Environment : cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 46, 2 thread(s)
///   Saved       : not saved
///   </code>
/// </example>
/// <example>
///   <code>(Import-LatencyTable ./bert.latency.yaml -Model (Get-Model ./fine-tuned)).Environment.Fingerprint</code>
///   <para>Takes the table for another model of the same dimensions: times do not depend on the values of the weights.</para>
///   <code>7d0c2f5be3a1</code>
/// </example>
[Cmdlet(VerbsData.Import, "LatencyTable", DefaultParameterSetName = PathSet)]
[OutputType(typeof(LatencyTable))]
public sealed class ImportLatencyTableCommand : EngineCommand
{
    private const string PathSet = "Path";
    private const string LiteralSet = "LiteralPath";

    /// <summary>Files; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>Files, taken as they are.</summary>
    [Parameter(ParameterSetName = LiteralSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The model that the table is for; the one that the file names unless given.</summary>
    [Parameter]
    public Model? Model { get; set; }

    /// <summary>The session that a model named by the file runs in; this runspace's unless given.</summary>
    [Parameter]
    public GpuSession? Session { get; set; }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName == LiteralSet;
        foreach (var file in ResolveFiles(literal ? LiteralPath : Path, literal))
        {
            try
            {
                WriteObject(LatencyTableFlow.Import(file, Model, () => SessionOrDefault(Session), CurrentDirectory));
            }
            catch (ZipLMException e)
            {
                WriteError(Errors.Record(e, file));
            }
        }
    }
}
