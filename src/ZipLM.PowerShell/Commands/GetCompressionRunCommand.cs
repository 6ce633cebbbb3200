using System.Management.Automation;
using ZipLM.Engine.Recipes;

namespace ZipLM.PowerShell.Commands;

/// <summary>Shows the stages of compression runs: how far each is, how long it took, what it measured.</summary>
/// <example>
///   <code>Get-CompressionRun ./run</code>
///   <para>Also while the run is at work, from another prompt.</para>
///   <code>
///      Run: /srv/data/run (tickets), in use by process 4711 of ann on gpu7 since 2026-11-24 09:12:00 +01:00
///
///   Stage                    State          Time      Speedup   Quality         Size
///   -----                    -----          ----      -------   -------         ----
///   01-latency               Done        00:00:11                              0.0 MB
///   02-evaluate              Done        00:00:02                0.8428        0.0 MB
///   03-statistics-2x         Done        00:00:02                             18.9 MB
///   04-order-2x              Done        00:00:04                              0.2 MB
///   05-prune-2x              Done        00:00:09     2.06×                    4.9 MB
///   06-distil-2x             Begun
///   07-evaluate-2x           Pending
///   08-export-2x             Pending
///   </code>
/// </example>
/// <example>
///   <code>Get-ChildItem ./runs -Directory | Get-CompressionRun | Where-Object State -ne Done | Group-Object Recipe -NoElement</code>
///   <para>What is left of several runs.</para>
///   <code>
///   Count Name
///   ----- ----
///       3 tickets
///   </code>
/// </example>
[Cmdlet(VerbsCommon.Get, "CompressionRun", DefaultParameterSetName = PathSet)]
[OutputType(typeof(CompressionStage))]
public sealed class GetCompressionRunCommand : EngineCommand
{
    private const string PathSet = "Path";
    private const string LiteralSet = "LiteralPath";

    /// <summary>Run directories; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>Run directories, taken as they are.</summary>
    [Parameter(ParameterSetName = LiteralSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName == LiteralSet;
        foreach (var directory in ResolveFiles(literal ? LiteralPath : Path, literal))
        {
            try
            {
                WriteObject(RunReader.Read(directory), enumerateCollection: true);
            }
            catch (ZipLMException e)
            {
                WriteError(Errors.Record(e, directory));
            }
        }
    }
}
