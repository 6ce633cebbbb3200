using System.Management.Automation;
using ZipLM.Engine.Data;
using ZipLM.Engine.Storage;

namespace ZipLM.PowerShell.Commands;

/// <summary>Reads text, with labels, numbers or answers where there are any, from TSV, CSV, JSON lines and arrays, SQuAD's JSON, Parquet or plain text. Labels that are numbers with fractions are numbers for a regression. A data set of the hub comes as its Parquet files, one object a file, each downloaded when its turn comes into the cache that Hugging Face's own tools share. Rows without text stay, with a warning that counts them (plain text skips its blank lines); a file without any text is an error.</summary>
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
/// <example>
///   <code>Import-TextDataset nyu-mll/glue -Subset sst2 -Split validation</code>
///   <para>A split of a data set of the hub.</para>
///   <code>
///   Name                           Rows   Labels Path
///   ----                           ----   ------ ----
///   glue-sst2-validation            872        2 /home/ops/.cache/huggingface/hub/datasets--nyu-mll--glue…
///   </code>
/// </example>
[Cmdlet(VerbsData.Import, "TextDataset", DefaultParameterSetName = PathSet)]
[OutputType(typeof(TextDataset))]
public sealed class ImportTextDatasetCommand : EngineCommand
{
    private const string PathSet = "Path";
    private const string LiteralSet = "LiteralPath";

    /// <summary>Files; wildcards are allowed. A name that ends in .gz is decompressed. What is no file and has the form of a hub id, organisation/name, is a data set of the hub.</summary>
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

    /// <summary>The subset (configuration) of a data set of the hub, such as sst2 of nyu-mll/glue; the only one, or default, unless given.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    public string? Subset { get; set; }

    /// <summary>The split of a data set of the hub; train unless given.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    public string? Split { get; set; }

    /// <summary>Branch, tag or commit of a data set of the hub.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    public string? Revision { get; set; }

    /// <summary>A token for private and gated data sets of the hub, as the password; the user name does not matter. HF_TOKEN, or what hf auth login has stored, unless given.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [Credential]
    public PSCredential? Credential { get; set; }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName == LiteralSet;
        foreach (var (file, name) in literal ? Named(LiteralPath, literal) : Path.SelectMany(path => IsOnHub(path) ? FromHub(path) : Named([path], literal)))
        {
            try
            {
                var data = TextDatasetReader.Read(TextDatasetReader.Describe(file, Format, TextColumn, TextPairColumn, LabelColumn, AnswerColumn, Task, Delimiter), Label, WriteWarning);
                if (TextDatasetReader.CountBlank(data) is > 0 and var blank)
                {
                    WriteWarning($"{blank} of {data.Count} rows of '{file}' have no text; they count as rows all the same.");
                }

                WriteObject(name is null ? data : new TextDataset(name, data.Examples, data.Labels, data.Reference));
            }
            catch (ZipLMException e)
            {
                WriteError(Errors.Record(e));
            }
        }
    }

    private IEnumerable<(string File, string? Name)> Named(IEnumerable<string> paths, bool literal) =>
        ResolveFiles(paths, literal).Select(file => (file, (string?)null));

    /// <summary>Whoever names a part or a revision means the hub; else only what is no file and can be nothing but an id.</summary>
    private bool IsOnHub(string path) =>
        Subset is not null || Split is not null || Revision is not null || (HubDataset.IsId(path) && !System.IO.Path.Exists(ResolvePath(path)));

    /// <summary>The files of a split, each brought here when it is asked for: with Select-Object -First 1 only one is.</summary>
    private IEnumerable<(string File, string? Name)> FromHub(string id)
    {
        HubDataset? data = null;
        Ask(id, async (reporter, cancellation) => data = await HubDataset.FindAsync(
            HubSettings.Default(Credential?.GetNetworkCredential().Password), id, Revision, Subset, Split, reporter, cancellation).ConfigureAwait(false));
        foreach (var part in data?.Files ?? [])
        {
            string? file = null;
            Ask(id, async (reporter, cancellation) => file = await data!.GetAsync(part, reporter, cancellation).ConfigureAwait(false));
            if (file is not null)
            {
                yield return (file, data!.Name);
            }
        }
    }

    /// <summary>Asks the hub off the pipeline thread; what goes wrong is an error of this one data set.</summary>
    private void Ask(string id, Func<IReporter, CancellationToken, Task> question) => Run(id, (output, cancellation) =>
    {
        try
        {
            question(output, cancellation).GetAwaiter().GetResult();
        }
        catch (ZipLMException e)
        {
            output.Error(e);
        }
    });
}
