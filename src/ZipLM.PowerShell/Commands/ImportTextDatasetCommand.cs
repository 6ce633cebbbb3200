using System.Management.Automation;
using ZipLM.Engine.Data;

namespace ZipLM.PowerShell.Commands;

/// <summary>Reads text, with labels, numbers or answers where there are any, from TSV, CSV, JSON lines and arrays, SQuAD's JSON, Parquet or plain text. Labels that are numbers with fractions are numbers for a regression. Rows without text stay, with a warning that counts them (plain text skips its blank lines); a file without any text is an error.</summary>
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
/// <example>
///   <code>Import-TextDataset dev-v1.1.json; Import-TextDataset STS-B/dev.tsv -Task stsb; Import-TextDataset stories.txt -Delimiter '&lt;|endoftext|&gt;'</code>
///   <para>Questions with their contexts and answers; a task of GLUE, by its columns; and texts of several lines.</para>
///   <code>
///   Name                           Rows   Labels Path
///   ----                           ----   ------ ----
///   dev-v1.1                      10570        0 /srv/data/dev-v1.1.json
///   dev                            1500        0 /srv/data/STS-B/dev.tsv
///   stories                        2317        0 /srv/data/stories.txt
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

    /// <summary>The format; told by the file's extension unless given, and for .json by its beginning: an array of objects, SQuAD's, or one object a line.</summary>
    [Parameter]
    [ValidateSet("tsv", "csv", "jsonl", "json", "squad", "text", "parquet")]
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

    /// <summary>Column of the true answers to a question (-TextColumn) about a text (-TextPairColumn): {"text": […], "answer_start": […]} as on the hub. Columns named question, context and answers are found unless named.</summary>
    [Parameter]
    public string? AnswerColumn { get; set; }

    /// <summary>A task of GLUE: picks its columns and the names of its labels, and Measure-Model compares by its metric.</summary>
    [Parameter]
    [ValidateSet("cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli")]
    public string? Task { get; set; }

    /// <summary>What stands between two rows of plain text, such as &lt;|endoftext|&gt;; a line's end unless given. One that does not occur makes the whole file one row.</summary>
    [Parameter]
    public string? Delimiter { get; set; }

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
                var data = TextDatasetReader.Read(TextDatasetReader.Describe(file, Format, TextColumn, TextPairColumn, LabelColumn, AnswerColumn, Task, Delimiter), Label);
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
