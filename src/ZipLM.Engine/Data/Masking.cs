namespace ZipLM.Engine.Data;

/// <summary>
/// Hides tokens from a masked language model by BERT's rule: of every text 15 % of the tokens are to be told; of these 80 %
/// are replaced by the mask, 10 % by any word, and 10 % stay.
/// </summary>
/// <param name="MaskId">The mask.</param>
/// <param name="VocabularySize">Words to draw from.</param>
/// <param name="Seed">The same seed, epoch and row hide the same tokens, whatever the batches.</param>
internal sealed record Masking(int MaskId, int VocabularySize, int Seed)
{
    private const double Share = 0.15;

    /// <exception cref="ZipLMException">The tokenizer has no mask.</exception>
    public static Masking Of(Tokenizer tokenizer, int seed) => new(
        tokenizer.MaskId ?? throw new ZipLMException("MaskTokenMissing", ErrorKind.InvalidData,
            "The tokenizer names no mask token, which masked language modeling needs.", "Correct tokenizer_config.json ('mask_token'), or use a model with another head."),
        tokenizer.Count, seed);

    /// <summary>Which tokens of a row are to be told, at least one where there is any, and what stands in their place.</summary>
    /// <param name="example">Its special tokens are never hidden.</param>
    /// <param name="row">Its place in the encoded data.</param>
    public IEnumerable<(int Token, int Shown)> Hide(EncodedExample example, int row, int epoch)
    {
        var random = new Random(unchecked((((Seed * 1_000_003) + epoch) * 1_000_003) + row));
        var tokens = Enumerable.Range(0, example.Length).Where(t => example.Texts[t] >= 0).ToArray();
        random.Shuffle(tokens);
        foreach (var token in tokens.Take(Math.Max(1, (int)Math.Round(tokens.Length * Share))))
        {
            var draw = random.NextDouble();
            yield return (token, draw < 0.8 ? MaskId : draw < 0.9 ? random.Next(VocabularySize) : example.Ids[token]);
        }
    }
}
