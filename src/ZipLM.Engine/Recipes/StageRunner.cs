using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>Goes through the stages of a run and does those that are not done.</summary>
internal sealed class StageRunner(RunContext run, IReadOnlyList<Stage> stages, IReporter reporter, CancellationToken cancellationToken)
{
    /// <summary>Marks whose files were found whole, by stage.</summary>
    private readonly Dictionary<Stage, StageMark> _whole = [];

    /// <summary>Stages that were found to be left alone.</summary>
    private readonly HashSet<Stage> _left = [];

    /// <summary>Names of the outputs of the stages that are done.</summary>
    private readonly Dictionary<Stage, string> _outputs = [];

    public CompressionSummary Run(Action<Model> write)
    {
        var activity = $"Compressing by {run.Recipe.Name}";
        TemporaryName.DeleteUnfinished(run.TeacherDirectory);
        Survey();
        foreach (var stage in stages)
        {
            cancellationToken.ThrowIfCancellationRequested();
            reporter.Progress(new(activity, string.Create(CultureInfo.InvariantCulture, $"{stage.Folder}, {stage.Number} of {stages.Count}"), stage.Number - 1, stages.Count));
            Do(stage);
            if (stage is ExportStage export)
            {
                write(TransformerModel.FromDirectory(run.Session, Path.GetFileName(export.MemberDirectory(run)), export.MemberDirectory(run)));
            }
        }

        reporter.Progress(new(activity, "done", stages.Count, stages.Count, Completed: true));
        var summary = FamilySummary.Write(run, stages);
        if (Directory.Exists(run.TeacherDirectory))
        {
            Directory.Delete(run.TeacherDirectory, recursive: true);
        }

        return summary;
    }

    /// <summary>Looks at what is there, and says what of it will be done again and why.</summary>
    private void Survey()
    {
        foreach (var stage in stages)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var folder = run.FolderOf(stage);
            if (folder.Mark is not { } mark)
            {
                if (folder.Exists)
                {
                    reporter.Verbose($"{stage.Folder} was begun and not finished: it goes on.");
                }
                continue;
            }

            if (folder.Damage(mark, thorough: true, cancellationToken) is { } damage)
            {
                reporter.Warning($"The stage {stage.Folder} is damaged, so it is done again: {damage}.");
                continue;
            }

            _whole[stage] = mark;
            if (stage.Upstream.All(_outputs.ContainsKey) && Inputs(stage) is var inputs && inputs.Key != mark.Key)
            {
                var behind = Behind(stage);
                reporter.Warning($"The stage {stage.Folder} is done again, because {string.Join("; ", inputs.Differences(folder.BegunWith))}."
                    + (behind.Count > 0 ? $" Where its results differ then, so are those that take them: {string.Join(", ", behind.Select(s => s.Folder))}." : string.Empty));
                continue;
            }

            if (stage.Upstream.All(_outputs.ContainsKey))
            {
                _outputs[stage] = mark.Outputs;
            }
        }

        _left.UnionWith(_outputs.Keys);
        _outputs.Clear();
    }

    private void Do(Stage stage)
    {
        var (folder, inputs) = (run.FolderOf(stage), Inputs(stage));
        if (_whole.TryGetValue(stage, out var mark) && mark.Key == inputs.Key)
        {
            reporter.Verbose($"{stage.Folder} is done.");
            folder.Tidy();
            _outputs[stage] = mark.Outputs;
            // A run that is through may be looked at anywhere, and its members copied.
            if (stages.Any(s => s is not ExportStage && !_left.Contains(s)))
            {
                RequireUsable();
            }

            return;
        }

        reporter.Verbose($"{stage.Folder} begins.");
        var (started, watch) = (DateTimeOffset.Now, Stopwatch.StartNew());
        folder.Begin(inputs);
        var work = Work(new() { ["started"] = started.ToString("O", CultureInfo.InvariantCulture) });
        stage.Run(work);
        work.Measurements["seconds"] = watch.Elapsed.TotalSeconds;
        _outputs[stage] = folder.Finish(inputs, work.Measurements, work.Delivered, cancellationToken).Outputs;
        reporter.Milestone(string.Create(CultureInfo.InvariantCulture, $"{stage.Folder} is done after {watch.Elapsed.TotalSeconds:0.0} s."));
        RequireUsable();

        StageWork Work(JsonObject measurements) => new(folder, run, measurements, [], reporter, cancellationToken);

        // What the stages after it would refuse hours later.
        void RequireUsable() => (stage as LatencyStage)?.RequireUsable(Work([]));
    }

    private StageInputs Inputs(Stage stage) => StageInputs.Of(stage, run, _outputs);

    /// <summary>Done stages that take the results of a stage, at once or by way of others.</summary>
    private List<Stage> Behind(Stage stage)
    {
        var behind = new HashSet<Stage> { stage };
        return [.. stages.Where(s => s.Upstream.Any(behind.Contains) && behind.Add(s) && run.FolderOf(s).Mark is not null)];
    }
}
