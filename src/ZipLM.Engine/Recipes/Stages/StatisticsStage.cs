using ZipLM.Engine.Compression;

namespace ZipLM.Engine.Recipes;

/// <summary>Statistics of every output matrix, as files.</summary>
internal sealed class StatisticsStage(double? target, ModelInput model)
    : Stage("statistics", target, model.Stage)
{
    public override void Describe(StageInputs inputs, RunContext run)
    {
        run.Add(inputs, model);
        run.Add(inputs, "calibration data", run.Recipe.Data.Calibration);
        inputs.Setting("calibration_samples", run.Recipe.Pruning.Samples);
        inputs.Setting("seed", run.Recipe.Session.Seed);
    }

    public override void Run(StageWork work)
    {
        using var opened = work.Run.Open(model);
        StatisticsFlow.Run(opened, work.Run.Read(work.Run.Recipe.Data.Calibration), work.Run.Recipe.Pruning.Samples, Path(work), work.Reporter, work.Cancellation);
    }

    public override StageCost Cost(RunSizes sizes) => new(
        2 * sizes.Forward(sizes.CalibrationTokens),
        sizes.StatisticsBytes);

    /// <summary>Where the statistics lie.</summary>
    public string Path(StageWork work) => work.Of(this).File("statistics");
}
