using ZipLM.Engine.Compression;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>Finds the plan that meets the target and shrinks the model by it.</summary>
internal sealed class PruneStage(double target, ModelInput model, StatisticsStage statistics, OrderStage order, LatencyStage latency)
    : Stage("prune", target, model.Stage, statistics, order, latency)
{
    private const string PlanFile = "plan.json";
    private const string Measured = "measured";

    private readonly double _target = target;

    public override void Describe(StageInputs inputs, RunContext run)
    {
        var pruning = run.Recipe.Pruning;
        run.Add(inputs, model);
        run.Add(inputs, "calibration data", run.Recipe.Data.Calibration);
        inputs.Setting("calibration_samples", pruning.Samples);
        inputs.Setting("seed", run.Recipe.Session.Seed);
        inputs.Setting("target", _target);
        inputs.Setting("rounds", pruning.Rounds);
        inputs.Setting("correction", pruning.Correct);
    }

    public override void Run(StageWork work)
    {
        var recipe = work.Run.Recipe;
        using var opened = work.Run.Open(model);
        var options = new PruningOptions
        {
            Speedups = [_target],
            CalibrationSamples = recipe.Pruning.Samples,
            Rounds = recipe.Pruning.Rounds,
            Correct = recipe.Pruning.Correct,
            Table = latency.Table(work, opened),
            Saliency = order.Rows(work, opened),
            StatisticsPath = statistics.Path(work),
            Force = recipe.Latency.Trust,
        };
        OneShotPruning.Run(opened, work.Run.Read(recipe.Data.Calibration), options, pruned =>
        {
            using (pruned)
            {
                Save(pruned, work);
            }
        }, work.Reporter, work.Cancellation);
    }

    public override StageCost Cost(RunSizes sizes) => new(
        (2 * sizes.Recipe.Pruning.Rounds * sizes.Forward(sizes.PassTokens) * (sizes.Recipe.Pruning.Correct ? 2 : 1)) + (sizes.Surgery / 4), sizes.ModelBytes / Math.Sqrt(_target));

    /// <summary>How the model was pruned, with what was measured then.</summary>
    public PruningResult Result(StageWork work)
    {
        var folder = work.Of(this);
        var plan = JsonFile.Read(folder.File(PlanFile));
        plan[Measured] = folder.Measured?[Measured]?.DeepClone();
        return StageJson.To<PruningResult>(plan, folder.File(PlanFile));
    }

    private static void Save(Model pruned, StageWork work)
    {
        work.Run.Save(pruned, work.Folder, work.Reporter);
        var plan = StageJson.Of(pruned.Pruning!).AsObject();
        plan.Remove(Measured, out var measured);
        JsonFile.Write(work.Folder.File(PlanFile), plan);
        work.Measurements[Measured] = measured;
    }
}
