using System.Globalization;

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

    /// <summary>Tokens (padding left out) trained on per second, since the line before; null where all of its steps were done before a stop.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Memory in use, in bytes: of the process on the CPU, of the whole device on CUDA.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Whether the teacher's answers come from a cache, and not from the teacher in every step; null where there is no teacher.</summary>
    public bool? TeacherCached { get; init; }

    /// <summary>Quality on the validation data by <see cref="ValidationMetric"/>, where this line has one.</summary>
    public double? Validation { get; init; }

    /// <summary>What <see cref="Validation"/> is: the metric of the task, such as accuracy, or perplexity, of which less is better.</summary>
    public string? ValidationMetric { get; init; }

    /// <summary>As one line of a log.</summary>
    public override string ToString()
    {
        var terms = new[] { ("task", TaskLoss), ("logit", LogitLoss), ("token", TokenLoss) }.Where(t => t.Item2 is not null).ToList();
        var parts = terms.Count < 2 ? "" : $" ({string.Join(", ", terms.Select(t => Text($"{t.Item1} {t.Item2:0.0000}")))})";
        var speed = TokensPerSecond is { } rate ? Text($", {rate:N0} tokens/s") : "";
        var validation = Validation is { } quality ? Text($", {ValidationMetric ?? "validation"} {quality:0.0000}") : "";
        return Text($"Step {Step} of {TotalSteps}, epoch {Epoch:0.00}: loss {Loss:0.0000}{parts}, learning rate {LearningRate:0.0e+0}{speed}{validation}.");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
