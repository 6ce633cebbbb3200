namespace ZipLM.Engine.Storage;

/// <summary>
/// Well-known models of the hub: short names for them, and the plain names that they had before the hub gave them an
/// organisation. Caches of that time still hold them under the plain name.
/// </summary>
internal static class HubAliases
{
    private static readonly (string Organisation, string Name, string[] Aliases)[] Known =
    [
        ("google-bert", "bert-base-uncased", ["bert", "bert-base"]),
        ("google-bert", "bert-large-uncased", ["bert-large"]),
        ("google-bert", "bert-base-cased", []),
        ("google-bert", "bert-large-cased", []),
        ("google-bert", "bert-base-multilingual-cased", []),
        ("google-bert", "bert-base-multilingual-uncased", []),
        ("distilbert", "distilbert-base-uncased", ["distilbert"]),
        ("distilbert", "distilbert-base-cased", []),
        ("distilbert", "distilroberta-base", ["distilroberta"]),
        ("distilbert", "distilgpt2", ["distilgpt2"]),
        ("FacebookAI", "roberta-base", ["roberta"]),
        ("FacebookAI", "roberta-large", ["roberta-large"]),
        ("FacebookAI", "xlm-roberta-base", ["xlm-roberta", "xlm-r"]),
        ("FacebookAI", "xlm-roberta-large", []),
        ("openai-community", "gpt2", ["gpt2"]),
        ("openai-community", "gpt2-medium", ["gpt2-medium"]),
        ("openai-community", "gpt2-large", ["gpt2-large"]),
        ("openai-community", "gpt2-xl", ["gpt2-xl"]),
    ];

    /// <summary>The short names.</summary>
    public static IEnumerable<string> Names => Known.SelectMany(model => model.Aliases);

    /// <summary>Whether the hub can be asked for it: <c>org/name</c>, or a well-known model. Every model there belongs to an organisation or a user by now.</summary>
    public static bool IsOnHub(string name) => ModelName.IsValid(name) && IdsFor(name)[0].Contains('/', StringComparison.Ordinal);

    /// <summary>The ids under which the hub's tools may have stored a model, the present one first.</summary>
    public static IReadOnlyList<string> IdsFor(string name)
    {
        foreach ((string organisation, string plain, string[] aliases) in Known)
        {
            string id = $"{organisation}/{plain}";
            if (name == id || name == plain || aliases.Contains(name, StringComparer.OrdinalIgnoreCase))
                return [id, plain];
        }

        return [name];
    }
}
