namespace ZipLM.Engine.Distillation;

/// <summary>How a model is trained.</summary>
public sealed record TrainingOptions
{
    /// <summary>Passes over the data, &gt; 0.</summary>
    public double Epochs { get; init; } = 3;

    /// <summary>Sequences a step, ≥ 1.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Largest learning rate, &gt; 0; it falls linearly to 0.</summary>
    public double LearningRate { get; init; } = 5e-5;

    /// <summary>Share of the steps over which the learning rate rises from 0, 0–1.</summary>
    public double WarmUp { get; init; } = 0.1;

    /// <summary>Decoupled weight decay of matrices; biases and LayerNorms have none.</summary>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Largest norm of the gradient; longer ones are shortened to it.</summary>
    public double MaximumGradientNorm { get; init; } = 1;

    /// <summary>Longest sequence, in tokens; longer texts are cut.</summary>
    public int MaximumLength { get; init; } = 128;

    /// <summary>Seed of the order of the data and of dropout; null = the session's.</summary>
    public int? Seed { get; init; }

    /// <summary>Steps between two lines of the learning curve.</summary>
    public int LogSteps { get; init; } = 50;

    /// <summary>Weights of the three losses.</summary>
    public LossWeights Weights { get; init; } = LossWeights.TaskOnly;

    /// <summary>Temperature of the logit loss, &gt; 0.</summary>
    public double Temperature { get; init; } = 2;
}
