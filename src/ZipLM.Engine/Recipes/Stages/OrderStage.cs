using ZipLM.Engine.Compression;

namespace ZipLM.Engine.Recipes;

/// <summary>The order in which the structures of each sublayer go, and what that costs.</summary>
internal sealed class OrderStage(double? target, ModelInput model, StatisticsStage statistics)
    : Stage("order", target, model.Stage, statistics)
{
    private const string OrderFileName = "order.json";

    public override void Describe(StageInputs inputs, RunContext run)
    {
        var pruning = run.Recipe.Pruning;
        run.Add(inputs, model);
        run.Add(inputs, "calibration data", run.Recipe.Data.Calibration);
        inputs.Setting("calibration_samples", pruning.Samples);
        inputs.Setting("seed", run.Recipe.Session.Seed);
        inputs.Setting("criterion", pruning.Criterion.ToString());
        inputs.Setting("repair", pruning.Repair);
        inputs.Setting("damping", pruning.Damping);
    }

    public override void Run(StageWork work)
    {
        var pruning = work.Run.Recipe.Pruning;
        var rows = new List<StructureSaliency>();
        using var opened = work.Run.Open(model);
        var options = new SaliencyOptions
        {
            CalibrationSamples = pruning.Samples,
            Criterion = pruning.Criterion,
            Repair = pruning.Repair,
            Dampings = [pruning.Damping],
            StatisticsPath = statistics.Path(work),
        };
        SaliencyFlow.Run(opened, work.Run.Read(work.Run.Recipe.Data.Calibration), options, rows.Add, work.Reporter, work.Cancellation);
        OrderFile.Write(work.Folder.File(OrderFileName), rows, pruning);
    }

    public override StageCost Cost(RunSizes sizes) => new(sizes.Surgery, 60.0 * sizes.Model.Layers.Count * (sizes.Model.DenseWidth + sizes.Model.DenseHeads));

    /// <summary>The rows, for the model that they were found for.</summary>
    public IReadOnlyList<StructureSaliency> Rows(StageWork work, Model opened) => OrderFile.Read(work.Of(this).File(OrderFileName), opened);
}
