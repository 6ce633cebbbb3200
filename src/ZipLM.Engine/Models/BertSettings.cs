namespace ZipLM.Engine.Models;

/// <summary>The values of a BERT's or RoBERTa's config that are no dimensions.</summary>
/// <param name="Epsilon">Of the LayerNorms.</param>
/// <param name="TiedDecoder">Whether a masked-LM head uses the word embeddings again.</param>
internal sealed record BertSettings(
    double Epsilon, double Dropout, double AttentionDropout, double ClassifierDropout, Activation Activation, bool TiedDecoder)
{
    public static BertSettings From(ConfigReader config)
    {
        var dropout = config.Probability("hidden_dropout_prob", 0.1);
        return new(
            config.Number("layer_norm_eps", 1e-12),
            dropout,
            config.Probability("attention_probs_dropout_prob", 0.1),
            config.Probability("classifier_dropout", dropout),
            Activation.FromName(config.Text("hidden_act", "gelu"), config.Where),
            config.Flag("tie_word_embeddings", true));
    }
}
