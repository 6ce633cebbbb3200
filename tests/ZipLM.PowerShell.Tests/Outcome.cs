using System.Collections.ObjectModel;
using System.Management.Automation;

namespace ZipLM.PowerShell.Tests;

/// <summary>All that a script wrote.</summary>
public sealed record Outcome(
    Collection<PSObject> Output,
    IReadOnlyList<ErrorRecord> Errors,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<string> Verbose,
    IReadOnlyList<InformationRecord> Information,
    IReadOnlyList<ProgressRecord> Progress)
{
    public static Outcome Of(Collection<PSObject> output, PSDataStreams streams) => new(
        output,
        [.. streams.Error],
        [.. streams.Warning.Select(record => record.Message)],
        [.. streams.Verbose.Select(record => record.Message)],
        [.. streams.Information],
        [.. streams.Progress]);
}
