using ZipLM.Engine.Distillation;

namespace ZipLM.Engine.Recipes;

/// <summary>What the outputs of a training stage depend on beside its models.</summary>
internal static class TrainingInputs
{
    public static void Add(StageInputs inputs, RunContext run, TrainingOptions options)
    {
        // How often it is kept and told of does not change what comes out.
        var usual = new TrainingOptions();
        inputs.Setting("training", StageJson.Of(options with { CheckpointInterval = usual.CheckpointInterval, LogSteps = usual.LogSteps }));
        inputs.Setting("seed", run.Recipe.Session.Seed);
        run.Add(inputs, "training data", run.Recipe.Data.Train!);
        if (run.Recipe.Data.Validation is { } validation)
        {
            run.Add(inputs, "validation data", validation);
        }
    }
}
