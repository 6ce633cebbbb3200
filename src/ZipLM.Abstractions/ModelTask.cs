namespace ZipLM;

/// <summary>What a model's head answers.</summary>
public enum ModelTask
{
    /// <summary>No trained head: the last hidden state is the output.</summary>
    FeatureExtraction,

    /// <summary>One label for each text or pair of texts.</summary>
    SequenceClassification,

    /// <summary>One number for each text or pair of texts.</summary>
    Regression,

    /// <summary>Where in a text the answer to a question starts and ends.</summary>
    QuestionAnswering,

    /// <summary>The next token, from those before it.</summary>
    CausalLanguageModeling,

    /// <summary>Hidden tokens, from those around them. The head is trained, but no task is: such a model is compared by its last hidden state.</summary>
    MaskedLanguageModeling,
}
