namespace ZipLM.Engine.Data;

/// <summary>A text, or a pair of texts, as tokens; the three arrays have the same length.</summary>
/// <param name="Ids">Index of each token in the vocabulary.</param>
/// <param name="TypeIds">0 for the text and its special tokens, 1 for the pair and the separator that closes it.</param>
/// <param name="Offsets">
/// The UTF-16 range of the original text (type 0) or pair (type 1) that each token came from, end exclusive;
/// (0, 0) for the special tokens that the tokenizer added.
/// </param>
public sealed record TokenizedText(int[] Ids, int[] TypeIds, (int Start, int End)[] Offsets);
