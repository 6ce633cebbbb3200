namespace ZipLM;

/// <summary>How the loss of a pruned model is measured on calibration data.</summary>
public enum LossMeasure
{
    /// <summary>Mean cross-entropy with what the data says is right: its labels, where its answers start and end, its next tokens.</summary>
    CrossEntropy,

    /// <summary>Mean KL divergence from the answers of the model that was pruned, where the data has no labels of it; its own loss is 0.</summary>
    KLDivergence,

    /// <summary>‖h − h₀‖² / ‖h₀‖² over the last hidden states h₀ of the model that was pruned, where it has no head; its own loss is 0.</summary>
    HiddenStateError,

    /// <summary>Mean squared error of a regression: from the numbers of the data, or where it has none from the answers of the model that was pruned, whose own loss is then 0.</summary>
    SquaredError,
}
