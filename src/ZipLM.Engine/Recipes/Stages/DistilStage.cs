using ZipLM.Engine.Compression;
using ZipLM.Engine.Distillation;

namespace ZipLM.Engine.Recipes;

/// <summary>Trains a pruned model against the dense one.</summary>
internal sealed class DistilStage(double target, ModelInput student, ModelInput teacher, TrainingOptions options)
    : Stage("distil", target, student.Stage, teacher.Stage)
{
    private readonly double _target = target;

    public override void Describe(StageInputs inputs, RunContext run)
    {
        run.Add(inputs, teacher);
        TrainingInputs.Add(inputs, run, options);
    }

    public override void Run(StageWork work)
    {
        var data = work.Run.Recipe.Data;
        var curve = new CurveReporter(work.Reporter);
        using var pruned = work.Run.Open(student);
        using var dense = work.Run.Open(teacher);
        using var distilled = TrainingFlow.Run(
            pruned, dense, work.Run.Read(data.Train!), data.Validation is { } v ? work.Run.Read(v) : null, options, curve, work.Cancellation);
        work.Run.Save(distilled, work.Folder, work.Reporter);
        work.Measurements["curve"] = curve.Json;
    }

    public override StageCost Cost(RunSizes sizes) => new(
        ((3 / _target) + 1) * sizes.Forward(sizes.Tokens(sizes.Recipe.Data.Train!)) * options.Epochs, sizes.ModelBytes / Math.Sqrt(_target));
}
