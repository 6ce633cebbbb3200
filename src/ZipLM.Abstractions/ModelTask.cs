namespace ZipLM;

/// <summary>What a model's head answers.</summary>
public enum ModelTask
{
    /// <summary>No trained head: the last hidden state is the output.</summary>
    FeatureExtraction,

    /// <summary>One label for each text or pair of texts.</summary>
    SequenceClassification,
}
