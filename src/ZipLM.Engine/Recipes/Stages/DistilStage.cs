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

    public override void Run(StageWork work) => StageTraining.Run(work, student, teacher, options);

    public override StageCost Cost(RunSizes sizes) => new(
        ((3 / _target) + 1) * sizes.Forward(sizes.Tokens(sizes.Recipe.Data.Train!)) * options.Epochs, 4 * sizes.ModelBytes / Math.Sqrt(_target));
}
