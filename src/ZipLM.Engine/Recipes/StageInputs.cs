using System.Globalization;
using System.Text.Json.Nodes;

namespace ZipLM.Engine.Recipes;

/// <summary>All that a stage's outputs depend on: its part of the recipe, and hashes of files and of the outputs of stages before it.</summary>
internal sealed class StageInputs
{
    /// <summary>Counts up when stages make other outputs of the same inputs.</summary>
    private const int Format = 1;

    private readonly JsonObject _settings = [];
    private readonly JsonObject _files = [];
    private readonly JsonObject _stages = [];

    public StageInputs(string stage) => Json = new()
    {
        ["format"] = Format,
        ["stage"] = stage,
        ["settings"] = _settings,
        ["files"] = _files,
        ["stages"] = _stages,
    };

    /// <summary>The inputs of a stage.</summary>
    /// <param name="outputs">Of the stages before it.</param>
    public static StageInputs Of(Stage stage, RunContext run, IReadOnlyDictionary<Stage, string> outputs)
    {
        var inputs = new StageInputs(stage.Id);
        if (run.Recipe.Session.Precision is var precision and not Precision.Float32)
        {
            // All that is computed hangs on it; only where it is another, so that runs that were begun without it go on.
            inputs.Setting("precision", precision.ToString());
        }

        stage.Describe(inputs, run);
        foreach (var before in stage.Upstream)
        {
            inputs.Stage(before.Id, outputs[before]);
        }

        return inputs;
    }

    /// <summary>What is written into the stage's folder.</summary>
    public JsonObject Json { get; }

    /// <summary>Names these inputs.</summary>
    public string Key => ContentHash.OfText(Json.ToJsonString());

    /// <summary>A setting of the recipe: a plain value, or one that JSON can hold.</summary>
    public void Setting(string name, JsonNode? value) => _settings[name] = value;

    /// <summary>A file, or a directory, from outside of the run.</summary>
    public void File(string name, string hash) => _files[name] = hash;

    /// <summary>The outputs of a stage before it.</summary>
    public void Stage(string id, string outputs) => _stages[id] = outputs;

    /// <summary>What differs from inputs that were before, for people: <c>damping was 0.01, is 0.1</c>.</summary>
    public IReadOnlyList<string> Differences(JsonObject? before)
    {
        if (before is null)
        {
            return ["what it was made of is not known"];
        }

        return [.. Changes("settings", (name, was, now) => $"{name} was {was}, is {now}"), .. Changes("files", (name, _, _) => $"the {name} changed"),
            .. Changes("stages", (name, _, _) => $"{name} has other results"),
            .. before["format"]?.ToJsonString() == Format.ToString(CultureInfo.InvariantCulture) ? Array.Empty<string>() : ["it was made by another version of ZipLM"]];

        IEnumerable<string> Changes(string part, Func<string, string, string, string> say)
        {
            var (was, now) = (before[part] as JsonObject ?? [], (JsonObject)Json[part]!);
            return was.Select(p => p.Key).Union(now.Select(p => p.Key))
                .Where(key => Text(was[key]) != Text(now[key]))
                .Select(key => say(key, Text(was[key]), Text(now[key])));
        }

        static string Text(JsonNode? value) => value?.ToJsonString() ?? "none";
    }
}
