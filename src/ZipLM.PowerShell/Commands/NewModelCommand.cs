using System.Management.Automation;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;

namespace ZipLM.PowerShell.Commands;

/// <summary>Makes a model with random weights, and a vocabulary from text.</summary>
/// <example>
///   <code>New-Model -Name topics -Size tiny -TrainingData (Import-TextDataset train.tsv)</code>
///   <para>A BERT with 2 layers of width 128, a vocabulary of up to 8,000 pieces made from the data's text, and a classifier for its labels.</para>
///   <code>
///   Name                       Parameters Heads                Widths                        Speedup Saved
///   ----                       ---------- -----                ------                        ------- -----
///   topics                         1.20 M 2 × 2                2 × 512                               not saved
///   </code>
/// </example>
/// <example>
///   <code>
///   $train = Import-TextDataset train.tsv
///   New-Model -Name topics -Layers 2 -HiddenSize 64 -Heads 2 -TrainingData $train -VocabularySize 4000
///   </code>
///   <para>The same with dimensions of one's own. Start-ModelTraining trains it. Data with answers to questions, or with numbers for labels, gives a model for these; -Task CausalLanguageModeling or MaskedLanguageModeling one that learns from the text alone.</para>
///   <code>
///   Name                       Parameters Heads                Widths                        Speedup Saved
///   ----                       ---------- -----                ------                        ------- -----
///   topics                         0.39 M 2 × 2                2 × 256                               not saved
///   </code>
/// </example>
[Cmdlet(VerbsCommon.New, "Model", DefaultParameterSetName = SizeSet)]
[OutputType(typeof(Model))]
public sealed class NewModelCommand : EngineCommand
{
    private const string SizeSet = "Size";
    private const string DimensionsSet = "Dimensions";

    /// <summary>The model's name.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = string.Empty;

    /// <summary>A published size of BERT.</summary>
    [Parameter(ParameterSetName = SizeSet)]
    [ValidateSet("tiny", "mini", "small", "medium", "base", "large")]
    public string Size { get; set; } = "mini";

    /// <summary>Blocks.</summary>
    [Parameter(ParameterSetName = DimensionsSet, Mandatory = true)]
    [ValidateRange(1, 1000)]
    public int Layers { get; set; }

    /// <summary>Width of the hidden states; a multiple of -Heads.</summary>
    [Parameter(ParameterSetName = DimensionsSet, Mandatory = true)]
    [ValidateRange(1, 65536)]
    public int HiddenSize { get; set; }

    /// <summary>Attention heads of a block.</summary>
    [Parameter(ParameterSetName = DimensionsSet, Mandatory = true)]
    [ValidateRange(1, 1024)]
    public int Heads { get; set; }

    /// <summary>Feed-forward width; four times -HiddenSize unless given.</summary>
    [Parameter(ParameterSetName = DimensionsSet)]
    [ValidateRange(1, 262144)]
    public int Width { get; set; }

    /// <summary>Longest sequence, in tokens.</summary>
    [Parameter]
    [ValidateRange(8, 65536)]
    public int MaximumSequenceLength { get; set; } = 512;

    /// <summary>What the model is to answer; unless given what the data says: answers to questions, numbers, or labels, and without any of them nothing. A GPT-2 for CausalLanguageModeling, else a BERT.</summary>
    [Parameter]
    public ModelTask? Task { get; set; }

    /// <summary>Text that the vocabulary is made from; its labels become a classifier's.</summary>
    [Parameter(Mandatory = true)]
    public TextDataset TrainingData { get; set; } = null!;

    /// <summary>Most pieces in the vocabulary.</summary>
    [Parameter]
    [ValidateRange(100, 1_000_000)]
    public int VocabularySize { get; set; } = 8000;

    /// <summary>The session that the model runs in; this runspace's unless given.</summary>
    [Parameter]
    public GpuSession? Session { get; set; }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        var session = SessionOrDefault(Session);
        var size = ParameterSetName == SizeSet
            ? ModelSize.Published[Size] with { MaximumSequenceLength = MaximumSequenceLength }
            : new(Layers, HiddenSize, Heads, Width > 0 ? Width : 4 * HiddenSize, MaximumSequenceLength);
        Run(Name, (output, stopping) =>
        {
            // Before the vocabulary, which takes its time.
            size.Check();
            output.Verbose($"Making a vocabulary of {VocabularySize} pieces from {TrainingData.Count} rows of {TrainingData.Name}.");
            var texts = TrainingData.Examples.SelectMany(e => e.TextPair is null ? [e.Text] : new[] { e.Text, e.TextPair });
            var tokenizer = WordPieceTrainer.Train(texts, VocabularySize, new() { MaximumLength = MaximumSequenceLength }, stopping);
            output.Write(ModelCatalog.Create(session, Name, size, tokenizer, Task ?? TaskOf(TrainingData), TrainingData.Labels, stopping));
        });
    }

    private static ModelTask TaskOf(TextDataset data) =>
        data.Examples[0].Answers is not null ? ModelTask.QuestionAnswering
        : data.Examples[0].Score is not null ? ModelTask.Regression
        : data.Labels.Count > 0 ? ModelTask.SequenceClassification
        : ModelTask.FeatureExtraction;
}
