using System.Text;
using System.Text.Json.Nodes;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Export;

/// <summary>
/// <c>modeling_ziplm.py</c>: the Python class that a pruned model needs in transformers, whose own classes have layers of
/// one size only; and the entries of <c>config.json</c> that lead there.
/// </summary>
internal static class ModelingFile
{
    public const string Name = "modeling_ziplm.py";

    private const string Module = "modeling_ziplm";
    private const string AutoMap = "auto_map";

    // The parts that the file of a model family is put together from, by the config's model_type.
    private static readonly Dictionary<string, string[]> Parts = new(StringComparer.Ordinal)
    {
        ["bert"] = ["bert_encoder", "bert"],
        ["roberta"] = ["bert_encoder", "roberta"],
        ["xlm-roberta"] = ["bert_encoder", "roberta"],
        ["distilbert"] = ["distilbert"],
        ["gpt2"] = ["causal", "gpt2"],
        ["llama"] = ["causal", "llama"],
    };

    /// <summary>Whether a model has layers that transformers' own class cannot have.</summary>
    public static bool IsNeeded(ModelDescription model) => !model.Layers.SequenceEqual(model.Dense.Layers);

    /// <summary>The file's text.</summary>
    public static string Text(ModelDescription model)
    {
        var text = string.Concat(Parts[model.ModelFamily].Prepend("common").Select(Read));
        // XLM-R is RoBERTa under another name.
        return model.ModelFamily == "xlm-roberta" ? text.Replace("Roberta", "XLMRoberta", StringComparison.Ordinal) : text;
    }

    /// <summary>
    /// Adds <c>auto_map</c>, by which AutoModel… finds the class, and <c>ziplm</c>, which tells heads and width of each
    /// layer; or takes out what an earlier export added, where neither is needed.
    /// </summary>
    public static void Describe(JsonObject config, ModelDescription model, Transformer weights)
    {
        config.Remove(ConfigLayers.Key);
        var map = config[AutoMap] as JsonObject ?? [];
        foreach (var own in map.Where(e => e.Value?.ToString().StartsWith(Module, StringComparison.Ordinal) == true).Select(e => e.Key).ToList())
        {
            map.Remove(own);
        }

        if (IsNeeded(model))
        {
            map["AutoModel"] = $"{Module}.{model.Family.BareArchitecture}";
            if (AutoClass(model.Task) is { } head)
            {
                map[head] = $"{Module}.{model.Architecture}";
            }

            config[ConfigLayers.Key] = Layers(model, weights);
        }

        config.Remove(AutoMap);
        if (map.Count > 0)
        {
            config[AutoMap] = map;
        }
    }

    /// <summary>The class of transformers that picks a model's class by its config; null for a model without a head.</summary>
    public static string? AutoClass(ModelTask task) => task switch
    {
        ModelTask.SequenceClassification or ModelTask.Regression => "AutoModelForSequenceClassification",
        ModelTask.QuestionAnswering => "AutoModelForQuestionAnswering",
        ModelTask.CausalLanguageModeling => "AutoModelForCausalLM",
        ModelTask.MaskedLanguageModeling => "AutoModelForMaskedLM",
        _ => null,
    };

    private static JsonObject Layers(ModelDescription model, Transformer weights)
    {
        var shapes = ConfigLayers.Create(model.Layers);
        // Written down, because versions of transformers keep what they follow from in different places.
        if (weights.Blocks.Select(b => b.Attention?.Rotary).FirstOrDefault(r => r is not null) is { } rotary)
        {
            shapes["frequencies"] = new JsonArray([.. rotary.Frequencies.Select(f => (JsonNode)f)]);
        }

        return shapes;
    }

    private static string Read(string part)
    {
        using var stream = typeof(ModelingFile).Assembly.GetManifestResourceStream($"modeling/{part}.py")
            ?? throw new InvalidOperationException($"The part '{part}' of {Name} is not in the program.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
