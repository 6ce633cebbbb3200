using System.Management.Automation;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Distillation;

namespace ZipLM.PowerShell.Commands;

/// <summary>What Start-ModelTraining and Start-TokenDistillation have in common.</summary>
public abstract class TrainingCommand : JobCommand
{
    private readonly HashSet<string> _checkpoints = new(StringComparer.Ordinal);

    /// <summary>The model to start from; it stays as it is.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    public Model Model { get; set; } = null!;

    /// <summary>Labelled text; what the model's directory records unless given.</summary>
    [Parameter]
    public TextDataset? TrainingData { get; set; }

    /// <summary>Labelled text to validate on after each epoch.</summary>
    [Parameter]
    public TextDataset? ValidationData { get; set; }

    /// <summary>Passes over the data.</summary>
    [Parameter]
    [ValidateRange(0.001, 1e6)]
    public double Epochs { get; set; } = 3;

    /// <summary>Sequences a step.</summary>
    [Parameter]
    [ValidateRange(1, 65536)]
    public int BatchSize { get; set; } = 32;

    /// <summary>Sequences that are computed at a time, where a whole batch does not fit into memory; their gradients are summed. The batch size unless given; it is halved when memory runs out.</summary>
    [Parameter]
    [ValidateRange(1, 65536)]
    public int? MicroBatchSize { get; set; }

    /// <summary>Largest learning rate.</summary>
    [Parameter]
    [ValidateRange(1e-12, 10.0)]
    public double LearningRate { get; set; } = 5e-5;

    /// <summary>How the learning rate goes on after the warm-up: Linear or Cosine (to 0), or Constant.</summary>
    [Parameter]
    public LearningRateSchedule Schedule { get; set; } = LearningRateSchedule.Linear;

    /// <summary>Share of the steps over which the learning rate rises.</summary>
    [Parameter]
    [ValidateRange(0.0, 1.0)]
    public double WarmUp { get; set; } = 0.1;

    /// <summary>Each block learns at this share of the rate of the one above it, the head at the full rate; 1 = all alike.</summary>
    [Parameter]
    [ValidateRange(0.01, 1.0)]
    public double LayerRateDecay { get; set; } = 1;

    /// <summary>Decoupled weight decay of matrices; biases and LayerNorms have none.</summary>
    [Parameter]
    [ValidateRange(0.0, 1.0)]
    public double WeightDecay { get; set; } = 0.01;

    /// <summary>Largest norm of the gradient; a longer one is shortened to it.</summary>
    [Parameter]
    [ValidateRange(1e-9, 1e9)]
    public double MaximumGradientNorm { get; set; } = 1;

    /// <summary>For classification and language modeling: share of a label's weight that all labels get, so that the model does not become too sure.</summary>
    [Parameter]
    [ValidateRange(0.0, 0.99)]
    public double LabelSmoothing { get; set; }

    /// <summary>Longest sequence, in tokens; longer texts are cut.</summary>
    [Parameter]
    [ValidateRange(3, 1_000_000)]
    public int MaximumLength { get; set; } = 128;

    /// <summary>Seed of the order of the data and of dropout; the session's unless given.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int? Seed { get; set; }

    /// <summary>Give the weights that were best on the validation data, not the last ones.</summary>
    [Parameter]
    public SwitchParameter KeepBest { get; set; }

    /// <summary>End after so many validations in a row without a better result, and give the best weights.</summary>
    [Parameter]
    [ValidateRange(1, 1_000_000)]
    public int? Patience { get; set; }

    /// <summary>Compute each block again in the backward pass in place of keeping what lies within it: for long inputs, a fraction of the memory for a third more time.</summary>
    [Parameter]
    public SwitchParameter GradientCheckpointing { get; set; }

    /// <summary>Directory that keeps the run: the same command goes on from there after a stop or a kill, to the same weights, and gives the result at once when it was through. metrics.jsonl in it is the learning curve. Each model needs its own: { "runs/$($_.Name)" }.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string? CheckpointPath { get; set; }

    /// <summary>Time between two checkpoints, '00:05:00' unless given. There is always one at Stop-Job and at the end.</summary>
    [Parameter]
    public TimeSpan CheckpointInterval { get; set; } = TimeSpan.FromMinutes(5);

    private protected override bool InJob => true;

    /// <inheritdoc />
    protected override void BeginProcessing()
    {
        if (CheckpointInterval < TimeSpan.FromSeconds(1))
        {
            ThrowTerminatingError(Errors.Record(new ZipLMException("CheckpointIntervalInvalid", ErrorKind.InvalidArgument,
                $"A checkpoint every {CheckpointInterval} is too often.", "Give a time of a second or more: '00:05:00' is five minutes, a bare number counts units of 100 ns.", CheckpointInterval)));
        }
    }

    /// <summary>Adds the training of one model to the command's job.</summary>
    /// <param name="change">Adds what only one of the commands asks for.</param>
    private protected void Train(Model? teacher, Func<TrainingOptions, TrainingOptions> change)
    {
        var checkpoint = ResolveOrEnd(CheckpointPath);
        if (!ShouldProcess(Model.Name, checkpoint is null ? "Train a copy" : $"Train a copy, kept in {checkpoint}"))
        {
            return;
        }

        if (checkpoint is not null && !_checkpoints.Add(checkpoint))
        {
            WriteError(Errors.Record(new ZipLMException("CheckpointPathShared", ErrorKind.InvalidArgument,
                $"'{Model.Name}' cannot be kept in '{checkpoint}', where another model of this command is.",
                "Give each model a directory of its own: -CheckpointPath { \"runs/$($_.Name)\" }.", CheckpointPath)));
            return;
        }

        var (model, data, validation) = (Model, TrainingData, ValidationData);
        var options = change(new()
        {
            Epochs = Epochs,
            BatchSize = BatchSize,
            MicroBatchSize = MicroBatchSize,
            LearningRate = LearningRate,
            Schedule = Schedule,
            WarmUp = WarmUp,
            LayerRateDecay = LayerRateDecay,
            WeightDecay = WeightDecay,
            MaximumGradientNorm = MaximumGradientNorm,
            LabelSmoothing = LabelSmoothing,
            MaximumLength = MaximumLength,
            Seed = Seed,
            KeepBest = KeepBest,
            Patience = Patience,
            GradientCheckpointing = GradientCheckpointing,
            CheckpointPath = checkpoint,
            CheckpointInterval = CheckpointInterval,
        });
        RunOrAdd(model, (output, stopping) => output.Write(TrainingFlow.Run(model, teacher, data, validation, options, output, stopping)));
    }
}
