using System.Management.Automation;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Distillation;

namespace ZipLM.PowerShell.Commands;

/// <summary>What Start-ModelTraining and Start-TokenDistillation have in common.</summary>
public abstract class TrainingCommand : JobCommand
{
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

    /// <summary>Largest learning rate; it falls linearly to 0.</summary>
    [Parameter]
    [ValidateRange(1e-12, 10.0)]
    public double LearningRate { get; set; } = 5e-5;

    /// <summary>Share of the steps over which the learning rate rises.</summary>
    [Parameter]
    [ValidateRange(0.0, 1.0)]
    public double WarmUp { get; set; } = 0.1;

    /// <summary>Decoupled weight decay of matrices; biases and LayerNorms have none.</summary>
    [Parameter]
    [ValidateRange(0.0, 1.0)]
    public double WeightDecay { get; set; } = 0.01;

    /// <summary>Longest sequence, in tokens; longer texts are cut.</summary>
    [Parameter]
    [ValidateRange(3, 1_000_000)]
    public int MaximumLength { get; set; } = 128;

    /// <summary>Seed of the order of the data and of dropout; the session's unless given.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int? Seed { get; set; }

    private protected override bool InJob => true;

    /// <summary>Adds the training of one model to the command's job.</summary>
    private protected void Train(Model? teacher, LossWeights weights, double temperature)
    {
        if (!ShouldProcess(Model.Name, "Train a copy"))
        {
            return;
        }

        var (model, data, validation) = (Model, TrainingData, ValidationData);
        var options = new TrainingOptions
        {
            Epochs = Epochs,
            BatchSize = BatchSize,
            LearningRate = LearningRate,
            WarmUp = WarmUp,
            WeightDecay = WeightDecay,
            MaximumLength = MaximumLength,
            Seed = Seed,
            Weights = weights,
            Temperature = temperature,
        };
        RunOrAdd(model, (output, stopping) => output.Write(TrainingFlow.Run(model, teacher, data, validation, options, output, stopping)));
    }
}
