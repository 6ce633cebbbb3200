namespace ZipLM.Engine.Data;

/// <summary>A text, or a pair of texts, as tokens; the arrays have the same length.</summary>
/// <param name="Ids">Index of each token in the vocabulary.</param>
/// <param name="TypeIds">What the model's type embedding gets; most tokenizers give 1 to the pair and the separator that closes it, some 0 to all.</param>
/// <param name="Offsets">
/// The UTF-16 range of the original text or pair that each token came from, end exclusive;
/// (0, 0) for the special tokens that the tokenizer added.
/// </param>
/// <param name="Texts">Where each token came from: 0 the text, 1 the pair, -1 a special token that the tokenizer added.</param>
public sealed record TokenizedText(int[] Ids, int[] TypeIds, (int Start, int End)[] Offsets, int[] Texts);
