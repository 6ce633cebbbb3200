namespace ZipLM.Engine.Distillation;

/// <summary>How a model is trained.</summary>
public sealed record TrainingOptions
{
    /// <summary>Passes over the data, &gt; 0.</summary>
    public double Epochs { get; init; } = 3;

    /// <summary>Sequences a step, ≥ 1.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Sequences that are computed at a time, ≥ 1; the gradients of a step's parts are summed. Null = the whole batch.</summary>
    public int? MicroBatchSize { get; init; }

    /// <summary>Largest learning rate, &gt; 0.</summary>
    public double LearningRate { get; init; } = 5e-5;

    /// <summary>How the learning rate goes on after the warm-up.</summary>
    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedule.Linear;

    /// <summary>Share of the steps over which the learning rate rises from 0, 0–1.</summary>
    public double WarmUp { get; init; } = 0.1;

    /// <summary>Each block learns this much slower than the one above it, 0–1; the head learns at the full rate. 1 = all alike.</summary>
    public double LayerRateDecay { get; init; } = 1;

    /// <summary>Decoupled weight decay of matrices; biases and norms have none.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Largest norm of the gradient; longer ones are shortened to it.</summary>
    public double MaximumGradientNorm { get; init; } = 1;

    /// <summary>Share of a label's weight that all labels get, 0–1 (Szegedy et al., 2016).</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Longest sequence, in tokens; longer texts are cut.</summary>
    public int MaximumLength { get; init; } = 128;

    /// <summary>Seed of the order of the data and of dropout; null = the session's.</summary>
    public int? Seed { get; init; }

    /// <summary>Steps between two lines of the learning curve.</summary>
    public int LogSteps { get; init; } = 50;

    /// <summary>Give the weights that were best in validation, not the last ones.</summary>
    public bool KeepBest { get; init; }

    /// <summary>Validations in a row without a better result after which training ends, and gives the best; null = never.</summary>
    public int? Patience { get; init; }

    /// <summary>Weights of the three losses.</summary>
    public LossWeights Weights { get; init; } = LossWeights.TaskOnly;

    /// <summary>Temperature of the logit loss, &gt; 0.</summary>
    public double Temperature { get; init; } = 2;

    /// <summary>The measure of the token loss.</summary>
    public TokenDistance TokenDistance { get; init; } = TokenDistance.Euclidean;

    /// <summary>Which blocks the token loss compares.</summary>
    public LayerMatching LayerMatching { get; init; } = LayerMatching.Even;

    /// <summary>Bytes on disk that the teacher's answers may take; what needs more is computed anew in every epoch. 0 = always.</summary>
    public long CacheLimit { get; init; } = 4L << 30;

    /// <summary>Compute each block again in the backward pass in place of keeping what lies within: less memory for a third more time.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>Directory of this run's checkpoint and metrics, from which it goes on after a stop; null = none.</summary>
    public string? CheckpointPath { get; init; }

    /// <summary>Directory for what the teacher said, for all runs that ask the same; null = each run's own, only where rows come up again.</summary>
    public string? TeacherPath { get; init; }

    /// <summary>Time between two checkpoints; there is always one at a stop and one at the end.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>What a model's directory records of such a training.</summary>
    internal TrainingRecord Record(string data, string? teacher) =>
        new(data, Epochs, BatchSize, LearningRate, Weights.Task, Weights.Logit, Weights.Token, teacher);
}
