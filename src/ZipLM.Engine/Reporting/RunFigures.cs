using ZipLM.Engine.Recipes;

namespace ZipLM.Engine.Reporting;

/// <summary>What a run has measured so far, read from its folders: for a report.</summary>
/// <param name="Measurements">Of the dense model and each member that was evaluated.</param>
/// <param name="Curves">Of the trainings that are done, by their stages' names.</param>
public sealed record RunFigures(IReadOnlyList<ModelMeasurement> Measurements, IReadOnlyList<LearningCurve> Curves)
{
    /// <summary>Reads them.</summary>
    /// <param name="directory">Absolute path of the run directory.</param>
    /// <exception cref="ZipLMException"><c>RunMissing</c>, <c>RunVersion</c>, <c>RunFileInvalid</c>.</exception>
    public static RunFigures Read(string directory)
    {
        var done = RunReader.Read(directory).Where(stage => stage.State == StageState.Done)
            .Select(stage => (stage.Stage, Folder: new StageFolder(Path.Combine(directory, stage.Stage)))).ToList();
        return new(
            // The dense model is what speedups are against.
            done.Select(stage => EvaluateStage.Measurement(stage.Folder)).OfType<ModelMeasurement>().Select(m => m with { Speedup = m.Speedup ?? 1 }).ToList(),
            done.Select(stage => (stage.Stage, Curve: StageTraining.Curve(stage.Folder))).Where(c => c.Curve.Count > 0).Select(c => new LearningCurve(c.Stage, c.Curve)).ToList());
    }
}
