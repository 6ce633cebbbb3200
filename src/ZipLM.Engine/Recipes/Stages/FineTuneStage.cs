using ZipLM.Engine.Compression;
using ZipLM.Engine.Distillation;

namespace ZipLM.Engine.Recipes;

/// <summary>Trains the dense model on the task.</summary>
internal sealed class FineTuneStage(ModelInput model, TrainingOptions options)
    : Stage("fine-tune", null)
{
    public override void Describe(StageInputs inputs, RunContext run)
    {
        run.Add(inputs, model);
        TrainingInputs.Add(inputs, run, options);
    }

    public override void Run(StageWork work)
    {
        var data = work.Run.Recipe.Data;
        var curve = new CurveReporter(work.Reporter);
        using var dense = work.Run.Open(model);
        using var trained = TrainingFlow.Run(
            dense, null, work.Run.Read(data.Train!), data.Validation is { } v ? work.Run.Read(v) : null, options, curve, work.Cancellation);
        work.Run.Save(trained, work.Folder, work.Reporter);
        work.Measurements["curve"] = curve.Json;
    }

    public override StageCost Cost(RunSizes sizes) =>
        new(3 * sizes.Forward(sizes.Tokens(sizes.Recipe.Data.Train!)) * options.Epochs, sizes.ModelBytes);
}
