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

    public override void Run(StageWork work) => StageTraining.Run(work, model, null, options);

    public override StageCost Cost(RunSizes sizes) =>
        new(3 * sizes.Forward(sizes.Tokens(sizes.Recipe.Data.Train!)) * options.Epochs, 4 * sizes.ModelBytes);
}
