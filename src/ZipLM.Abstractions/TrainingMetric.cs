namespace ZipLM;

/// <summary>One line of a learning curve.</summary>
public sealed record TrainingMetric
{
    /// <summary>Optimiser steps done.</summary>
    public required int Step { get; init; }

    /// <summary>Optimiser steps in all.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>Passes over the data, with fraction.</summary>
    public required double Epoch { get; init; }

    /// <summary>The weighted sum of the terms, mean since the line before.</summary>
    public required double Loss { get; init; }

    /// <summary>Cross-entropy with the labels.</summary>
    public double? TaskLoss { get; init; }

    /// <summary>KL divergence from the teacher's logits, times T².</summary>
    public double? LogitLoss { get; init; }

    /// <summary>Distance of hidden states from the teacher's, over tokens that are not padding.</summary>
    public double? TokenLoss { get; init; }

    /// <summary>Learning rate of this step.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Tokens (padding left out) trained on per second, since the line before.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>Memory in use, in bytes: of the process on the CPU, of the whole device on CUDA.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Quality on the validation data, 0–1, where this line has one.</summary>
    public double? Validation { get; init; }
}
