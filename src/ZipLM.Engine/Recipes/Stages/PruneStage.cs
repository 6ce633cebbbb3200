using ZipLM.Engine.Compression;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>Finds the plan that meets the target and shrinks the model by it.</summary>
/// <param name="dense">What the loss of plans compares with where the data has no labels.</param>
internal sealed class PruneStage(double target, ModelInput model, ModelInput dense, StatisticsStage statistics, OrderStage order, LatencyStage latency)
    : Stage("prune", target, model.Stage, dense.Stage, statistics, order, latency)
{
    /// <summary>Counts up when the search finds other plans of the same inputs.</summary>
    private const int SearchVersion = 2;

    private const string PlanFile = "plan.json";
    private const string Measured = "measured";

    /// <summary>How the plan was found: how much was computed for it hangs on the memory that was free.</summary>
    private const string SearchPart = "search";

    private readonly double _target = target;

    public override void Describe(StageInputs inputs, RunContext run)
    {
        var pruning = run.Recipe.Pruning;
        run.Add(inputs, dense);
        run.Add(inputs, "calibration data", run.Recipe.Data.Calibration);
        inputs.Setting("calibration_samples", pruning.Samples);
        inputs.Setting("seed", run.Recipe.Session.Seed);
        inputs.Setting("target", _target);
        inputs.Setting("rounds", pruning.Rounds);
        inputs.Setting("correction", pruning.Correct);
        inputs.Setting("search", SearchVersion);
        inputs.Setting("search_trials", pruning.SearchTrials);
        run.Recipe.Latency.AddRuntime(inputs);
    }

    public override void Run(StageWork work)
    {
        var recipe = work.Run.Recipe;
        using var opened = work.Run.Open(model);
        using var compared = work.Run.Open(dense);
        var options = new PruningOptions
        {
            Speedups = [_target],
            CalibrationSamples = recipe.Pruning.Samples,
            Rounds = recipe.Pruning.Rounds,
            Correct = recipe.Pruning.Correct,
            SearchTrials = recipe.Pruning.SearchTrials,
            Runtime = recipe.Latency.Runtime,
            Dense = compared,
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
        (2 * (sizes.Recipe.Pruning.Rounds ?? UsualRounds) * sizes.Forward(sizes.PassTokens) * (sizes.Recipe.Pruning.Correct ? 2 : 1)) + Search(sizes) + (sizes.Surgery / 4), sizes.ModelBytes / Math.Sqrt(_target));

    /// <summary>Most candidates see few rows, and none computes what it shares with the best: about one pass over all rows for so many trials.</summary>
    private double Search(RunSizes sizes) =>
        sizes.Recipe.Pruning.SearchTrials / 12.0 / _target * sizes.Forward(sizes.CalibrationTokens);

    /// <summary>How the model was pruned, with what was measured then.</summary>
    public PruningResult Result(StageWork work)
    {
        var folder = work.Of(this);
        var plan = JsonFile.Read(folder.File(PlanFile));
        foreach (var part in new[] { Measured, SearchPart })
        {
            plan[part] ??= folder.Measured?[part]?.DeepClone();
        }

        return StageJson.To<PruningResult>(plan, folder.File(PlanFile));
    }

    private static void Save(Model pruned, StageWork work)
    {
        work.Run.Save(pruned, work.Folder, work.Reporter);
        var plan = StageJson.Of(pruned.Pruning!).AsObject();
        foreach (var part in new[] { Measured, SearchPart })
        {
            plan.Remove(part, out var value);
            work.Measurements[part] = value;
        }

        JsonFile.Write(work.Folder.File(PlanFile), plan);
    }
}
