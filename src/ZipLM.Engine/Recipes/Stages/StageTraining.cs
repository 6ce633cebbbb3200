using ZipLM.Engine.Compression;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Recipes;

/// <summary>Training in a stage: it goes on from the stage's checkpoint, and the optimiser's state is among the results.</summary>
internal static class StageTraining
{
    private const string CurvePart = "curve";

    /// <summary>Trains a model and saves it as the stage's; the learning curve goes to the measurements, because it tells of speed.</summary>
    /// <param name="teacher">Null where it learns from labels alone.</param>
    public static void Run(StageWork work, ModelInput student, ModelInput? teacher, TrainingOptions options)
    {
        var checkpoint = work.Folder.File(StageFolder.Checkpoint);
        options = options with { CheckpointPath = checkpoint, TeacherPath = teacher is null ? null : work.Run.TeacherDirectory };
        using var pruned = work.Run.Open(student);
        using var dense = teacher is null ? null : work.Run.Open(teacher);
        if (options.Weights is { Token: > 0, Task: > 0 } or { Token: > 0, Logit: > 0 } && pruned.Layers.All(l => l is { Heads: 0, Width: 0 }))
        {
            work.Reporter.Warning($"Nothing is left of the layers of '{student.Name}', so it learns without the token loss.");
            options = options with { Weights = options.Weights with { Token = 0 } };
        }

        using var trained = Train(work, pruned, dense, options);
        work.Run.Save(trained, work.Folder, work.Reporter);
        work.Measurements[CurvePart] = StageJson.Of(new MetricLog(Path.Combine(checkpoint, TrainingCheckpoint.MetricsName)).Read());
    }

    /// <summary>The learning curve of a stage that is done; empty where it trains nothing.</summary>
    public static IReadOnlyList<TrainingMetric> Curve(StageFolder folder) => folder.Measured?[CurvePart] is { } curve
        ? StageJson.To<List<TrainingMetric>>(curve, folder.File(StageFolder.Measurements))
        : new List<TrainingMetric>();

    private static Model Train(StageWork work, TransformerModel student, TransformerModel? teacher, TrainingOptions options)
    {
        var data = work.Run.Recipe.Data;
        var (training, validation) = (work.Run.Read(data.Train!), data.Validation is { } v ? work.Run.Read(v) : null);
        try
        {
            return TrainingFlow.Run(student, teacher, training, validation, options, work.Reporter, work.Cancellation);
        }
        catch (ZipLMException e) when (IsOfCheckpoint(e, options.CheckpointPath!))
        {
            work.Reporter.Warning($"The checkpoint in '{options.CheckpointPath}' cannot be gone on from, so the training begins again: {e.Message}");
            Directory.Delete(options.CheckpointPath!, recursive: true);
            return TrainingFlow.Run(student, teacher, training, validation, options, work.Reporter, work.Cancellation);
        }
    }

    /// <summary>Of another run, as where the number of threads is another now, of another version, or damaged.</summary>
    private static bool IsOfCheckpoint(ZipLMException e, string checkpoint) =>
        e.ErrorId is "ZipLM.TrainingCheckpointMismatch" or "ZipLM.TrainingCheckpointInvalid"
        || (e.Kind == ErrorKind.InvalidData && e.Target is string file && file.StartsWith(checkpoint, StringComparison.Ordinal));
}
