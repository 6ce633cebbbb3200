using System.Text.Json.Nodes;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>Measures quality, size and time of the dense model or of a member, against the dense model in turns.</summary>
internal sealed class EvaluateStage(double? target, ModelInput model, ModelInput dense, LatencyStage latency)
    : Stage("evaluate", target, model.Stage, dense.Stage, latency)
{
    private const string QualityFile = "quality.json";
    private const string Timing = "timing";

    /// <summary>What depends on the clock; all else of a measurement is the same in every run.</summary>
    private static readonly string[] Times = ["milliseconds", "milliseconds_spread", "rounds", "speedup", "speedup_spread", "environment"];

    private readonly double? _target = target;

    public override void Describe(StageInputs inputs, RunContext run)
    {
        run.Add(inputs, dense);
        run.Add(inputs, "evaluation data", run.Recipe.Data.Evaluation);
        inputs.Setting("rounds", run.Recipe.EvaluationRounds);
        inputs.Setting("device", run.Recipe.Session.Device);
        inputs.Setting("threads", run.Recipe.Session.Threads);
        inputs.Setting("precision", run.Recipe.Session.Precision.ToString());
        run.Recipe.Latency.AddRuntime(inputs);
    }

    public override void Run(StageWork work)
    {
        var recipe = work.Run.Recipe;
        using var own = work.Run.Open(model);
        using var baseline = work.Run.Open(dense);
        var environment = latency.Table(work, baseline).Environment;
        var measurement = MeasurementFlow.Run(
            own, _target is null ? null : baseline, work.Run.Read(recipe.Data.Evaluation), environment.BatchSize, environment.SequenceLength,
            recipe.EvaluationRounds, work.Reporter, work.Cancellation, work.Run.Baselines,
            recipe.Latency.Runtime ?? RuntimeChoice.Of(environment), environment.GeneratedTokens);
        var quality = StageJson.Of(measurement).AsObject();
        var timing = new JsonObject();
        foreach (var name in Times)
        {
            if (quality.Remove(name, out var value))
            {
                timing[name] = value;
            }
        }

        JsonFile.Write(work.Folder.File(QualityFile), quality);
        work.Measurements[Timing] = timing;
    }

    public override StageCost Cost(RunSizes sizes) => new(
        sizes.Forward(sizes.Tokens(sizes.Recipe.Data.Evaluation)) + (2 * (sizes.Recipe.EvaluationRounds ?? UsualRounds) * sizes.Forward(sizes.PassTokens)), 1e3);

    /// <summary>What was measured; null while the stage is not done.</summary>
    public static ModelMeasurement? Measurement(StageFolder folder)
    {
        if (folder.Mark is null || folder.Measured?[Timing] is not JsonObject timing || !File.Exists(folder.File(QualityFile)))
        {
            return null;
        }

        var json = JsonFile.Read(folder.File(QualityFile));
        foreach (var (name, value) in timing)
        {
            json[name] = value?.DeepClone();
        }

        return StageJson.To<ModelMeasurement>(json, folder.File(QualityFile));
    }
}
