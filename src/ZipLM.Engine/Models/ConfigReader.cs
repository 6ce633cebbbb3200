using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ZipLM.Engine.Models;

/// <summary>Reads the values of a <c>config.json</c>, with errors that name the file and the key.</summary>
internal sealed class ConfigReader(JsonObject json, string where)
{
    public JsonObject Json => json;

    public string Where => where;

    /// <summary>A whole number above 0.</summary>
    public int Positive(string key, int? missing = null)
    {
        var node = json[key];
        if (node is null)
        {
            return missing ?? throw Invalid($"'{key}' is missing");
        }

        return node is JsonValue value && value.TryGetValue<int>(out var number) && number > 0
            ? number
            : throw Invalid($"'{key}' is {node.ToJsonString()}, which is not a whole number above 0");
    }

    public double Number(string key, double missing) => json[key] switch
    {
        null => missing,
        JsonValue value when value.GetValueKind() == JsonValueKind.Number => value.Deserialize<double>(),
        var node => throw Invalid($"'{key}' is {node.ToJsonString()}, which is not a number"),
    };

    /// <summary>A number from 0 to below 1.</summary>
    public double Probability(string key, double missing)
    {
        var number = Number(key, missing);
        return number is >= 0 and < 1 ? number : throw Invalid($"'{key}' is {json[key]!.ToJsonString()}, which is not from 0 to below 1");
    }

    /// <summary>A whole number of at least 0.</summary>
    public int Index(string key, int missing) => json[key] switch
    {
        null => missing,
        JsonValue value when value.TryGetValue<int>(out var number) && number >= 0 => number,
        var node => throw Invalid($"'{key}' is {node.ToJsonString()}, which is not a whole number of at least 0"),
    };

    public bool Flag(string key, bool missing) => json[key] switch
    {
        null => missing,
        JsonValue value when value.TryGetValue<bool>(out var flag) => flag,
        var node => throw Invalid($"'{key}' is {node.ToJsonString()}, which is not true or false"),
    };

    /// <summary>The config inside this one, or null.</summary>
    public ConfigReader? Inner(string key) => json[key] switch
    {
        null => null,
        JsonObject inner => new(inner, $"{where}, '{key}'"),
        var node => throw Invalid($"'{key}' is {node.ToJsonString()}, which is not an object"),
    };

    public string Text(string key, string missing) => json[key] switch
    {
        null => missing,
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        var node => throw Invalid($"'{key}' is {node.ToJsonString()}, which is not a text"),
    };

    /// <summary>The first of <c>architectures</c>, which must be one of <paramref name="known"/>.</summary>
    public string Architecture(IReadOnlyList<string> known)
    {
        var name = json["architectures"] is JsonArray { Count: > 0 } list && list[0]?.GetValueKind() == JsonValueKind.String
            ? list[0]!.GetValue<string>()
            : throw Invalid("'architectures' does not name the model's class");
        return known.Contains(name) ? name : throw new ZipLMException("ModelArchitectureUnknown", ErrorKind.InvalidData,
            $"{where} describes a {name}, which is not supported.",
            $"Supported architectures: {string.Join(", ", known)}.", name);
    }

    /// <summary>What the head of a class of Hugging Face answers, by the endings that all of them share.</summary>
    public ModelTask Task(string architecture)
    {
        if (!architecture.EndsWith("ForSequenceClassification", StringComparison.Ordinal))
        {
            return architecture.EndsWith("ForQuestionAnswering", StringComparison.Ordinal) ? ModelTask.QuestionAnswering
                : architecture.EndsWith("ForMaskedLM", StringComparison.Ordinal) ? ModelTask.MaskedLanguageModeling
                : architecture.EndsWith("ForCausalLM", StringComparison.Ordinal) || architecture.EndsWith("LMHeadModel", StringComparison.Ordinal) ? ModelTask.CausalLanguageModeling
                : ModelTask.FeatureExtraction;
        }

        var labels = Labels().Count;
        var regression = labels == 1;
        var problem = Text("problem_type", regression ? "regression" : "single_label_classification");
        return problem == (regression ? "regression" : "single_label_classification")
            ? regression ? ModelTask.Regression : ModelTask.SequenceClassification
            : throw Invalid($"'problem_type' is '{problem}' with {labels} labels; supported are single_label_classification, and regression with one label");
    }

    /// <summary>Label names in the order of their indices: <c>id2label</c>, else LABEL_0 … as many as <c>num_labels</c> (2).</summary>
    public IReadOnlyList<string> Labels()
    {
        if (json["id2label"] is not JsonObject map || map.Count == 0)
        {
            return [.. Enumerable.Range(0, Positive("num_labels", 2)).Select(i => $"LABEL_{i}")];
        }

        var labels = new string?[map.Count];
        foreach (var (key, value) in map)
        {
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var index) || index >= labels.Length
                || labels[index] is not null || value?.GetValueKind() != JsonValueKind.String)
            {
                throw Invalid($"'id2label' must map 0 to {labels.Length - 1} to names; its entry '{key}' does not");
            }

            labels[index] = value.GetValue<string>();
        }

        return labels!;
    }

    public ZipLMException Invalid(string what) => new("ModelConfigInvalid", ErrorKind.InvalidData,
        $"{where}: {what}.", "Correct the file, or get the checkpoint again from where it came from.", where);
}
