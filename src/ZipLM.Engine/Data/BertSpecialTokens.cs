namespace ZipLM.Engine.Data;

/// <summary>The special tokens of every BERT vocabulary.</summary>
internal static class BertSpecialTokens
{
    public const string Pad = "[PAD]";
    public const string Unknown = "[UNK]";
    public const string Classifier = "[CLS]";
    public const string Separator = "[SEP]";
    public const string Mask = "[MASK]";

    /// <summary>All five, in the order in which a new vocabulary begins.</summary>
    public static IReadOnlyList<string> All { get; } = [Pad, Unknown, Classifier, Separator, Mask];
}
