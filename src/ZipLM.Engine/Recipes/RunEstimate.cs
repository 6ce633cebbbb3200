using System.Globalization;
using System.Text;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Recipes;

/// <summary>What a run would do: its stages with estimates of time and disk. Stages that are done count with what they took.</summary>
public sealed record RunEstimate
{
    /// <summary>Operations a second that a core is taken to do: about what a small BERT reaches in training, in single precision.</summary>
    private const double OfCore = 1e10;

    /// <summary>The same of a CUDA device.</summary>
    private const double OfCuda = 1.5e13;

    /// <summary>What each stage takes besides: starting, reading, writing.</summary>
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);

    /// <summary>One line a stage.</summary>
    public required IReadOnlyList<Line> Stages { get; init; }

    /// <summary>What the estimate rests on.</summary>
    public required string Basis { get; init; }

    /// <summary>Time of the stages that are not done.</summary>
    public TimeSpan Time => TimeSpan.FromTicks(Stages.Where(s => !s.IsDone).Sum(s => s.Time.Ticks));

    /// <summary>Bytes of the stages that are not done.</summary>
    public double Bytes => Stages.Where(s => !s.IsDone).Sum(s => s.Bytes);

    /// <inheritdoc />
    public override string ToString()
    {
        var text = new StringBuilder();
        if (Stages.All(s => s is { Time.Ticks: 0 }))
        {
            return string.Join(Environment.NewLine, [.. Stages.Select(s => $"  {s.Folder}"), $"  {Basis}"]);
        }

        foreach (var stage in Stages)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {stage.Folder,-24} {(stage.IsDone ? "done" : Text(stage.Time)),10} {Size(stage.Bytes),10}");
        }

        return text.Append(CultureInfo.InvariantCulture, $"  to do: about {Text(Time)} and {Size(Bytes)} on disk. {Basis}").ToString();
    }

    /// <summary>The stages of a recipe whose model is not here yet.</summary>
    internal static RunEstimate Unknown(Recipe recipe, string basis) =>
        new() { Stages = [.. StagePlan.Of(recipe).Select(stage => new Line(stage.Folder, TimeSpan.Zero, 0, false))], Basis = basis };

    internal static RunEstimate Of(RunContext run, ModelDescription model)
    {
        var recipe = run.Recipe;
        var sizes = new RunSizes(recipe, model, data => new FileInfo(data.Path).Length);
        var isCuda = recipe.Session.Device.StartsWith("cuda", StringComparison.Ordinal);
        var threads = recipe.Session.Threads > 0 ? recipe.Session.Threads : Environment.ProcessorCount;
        var rate = isCuda ? OfCuda : OfCore * threads;
        var processor = isCuda ? "a CUDA device" : $"{threads} core(s){(recipe.Session.Device == "auto" ? "; a CUDA device, which device: auto takes where there is one, would need a small part of it" : string.Empty)}";
        var outputs = new Dictionary<Stage, string>();
        return new()
        {
            Stages = [.. StagePlan.Of(recipe).Select(stage =>
            {
                var cost = stage.Cost(sizes);
                return new Line(stage.Folder, Least + TimeSpan.FromSeconds(cost.Operations / rate), cost.Bytes, IsDone(stage, run, outputs));
            })],
            Basis = string.Create(CultureInfo.InvariantCulture,
                $"Estimated from the model's size and the data's ({sizes.ModelBytes / 4e6:0.0} M parameters, 4 bytes of a file for a token), at {rate / 1e9:0} billion operations a second ({processor}); expect it within a factor of three."),
        };
    }

    /// <summary>Whether a stage would be left alone, as far as the sizes of files tell.</summary>
    /// <param name="outputs">Of the stages before it that would be left alone; takes this one's.</param>
    private static bool IsDone(Stage stage, RunContext run, Dictionary<Stage, string> outputs)
    {
        if (RunDirectory.FolderOf(stage, run.Directory) is not { } path || !stage.Upstream.All(outputs.ContainsKey))
        {
            return false;
        }

        var folder = new StageFolder(path);
        if (folder.Mark is not { } mark || folder.Damage(mark, thorough: false, default) is not null || StageInputs.Of(stage, run, outputs).Key != mark.Key)
        {
            return false;
        }

        outputs.Add(stage, mark.Outputs);
        return true;
    }

    private static string Text(TimeSpan time) => time.TotalHours >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:0.0} h")
        : time.TotalMinutes >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0} min")
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(time.TotalSeconds):0} s");

    private static string Size(double bytes) => bytes >= 1e9
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB");

    /// <summary>One stage.</summary>
    /// <param name="Folder">Its folder.</param>
    /// <param name="Time">Estimated time.</param>
    /// <param name="Bytes">Estimated bytes on disk.</param>
    /// <param name="IsDone">True when it is done and its inputs are what they were; otherwise it is done again, or may be.</param>
    public sealed record Line(string Folder, TimeSpan Time, double Bytes, bool IsDone);
}
