using System.Management.Automation;
using ZipLM.Engine.Data;

namespace ZipLM.PowerShell.Commands;

/// <summary>Reads text, with labels where there are any, from TSV, CSV, JSON lines or plain text. Rows without text stay, with a warning that counts them (plain text skips its blank lines); a file without any text is an error.</summary>
/// <example>
///   <code>Import-TextDataset train.tsv</code>
///   <para>Finds the columns by their usual names: text or sentence, and label.</para>
///   <code>
///   Name                           Rows   Labels Path
///   ----                           ----   ------ ----
///   train                          3891       18 /srv/data/train.tsv
///   </code>
/// </example>
/// <example>
///   <code>Import-TextDataset tickets.csv -TextColumn body -LabelColumn queue</code>
///   <para>Names the columns.</para>
///   <code>
///   Name                           Rows   Labels Path
///   ----                           ----   ------ ----
///   tickets                           4        2 /srv/data/tickets.csv
///   </code>
/// </example>
[Cmdlet(VerbsData.Import, "TextDataset", DefaultParameterSetName = PathSet)]
[OutputType(typeof(TextDataset))]
public sealed class ImportTextDatasetCommand : EngineCommand
{
    private const string PathSet = "Path";
    private const string LiteralSet = "LiteralPath";

    /// <summary>Files; wildcards are allowed. A name that ends in .gz is decompressed.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>Files, taken as they are.</summary>
    [Parameter(ParameterSetName = LiteralSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>The format; told by the file's extension unless given.</summary>
    [Parameter]
    [ValidateSet("tsv", "csv", "jsonl", "text", "parquet")]
    public string? Format { get; set; }

    /// <summary>Column of the text.</summary>
    [Parameter]
    public string? TextColumn { get; set; }

    /// <summary>Column of the second text, for pairs.</summary>
    [Parameter]
    public string? TextPairColumn { get; set; }

    /// <summary>Column of the label.</summary>
    [Parameter]
    public string? LabelColumn { get; set; }

    /// <summary>Names of the labels in the order of their indices; those in the file, sorted, unless given.</summary>
    [Parameter]
    public string[]? Label { get; set; }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName == LiteralSet;
        foreach (var file in ResolveFiles(literal ? LiteralPath : Path, literal))
        {
            try
            {
                var data = TextDatasetReader.Read(TextDatasetReader.Describe(file, Format, TextColumn, TextPairColumn, LabelColumn), Label);
                if (TextDatasetReader.CountBlank(data) is > 0 and var blank)
                {
                    WriteWarning($"{blank} of {data.Count} rows of '{file}' have no text; they count as rows all the same.");
                }

                WriteObject(data);
            }
            catch (ZipLMException e)
            {
                WriteError(Errors.Record(e));
            }
        }
    }
}
