using System.Globalization;
using System.Management.Automation;

namespace ZipLM.PowerShell;

/// <summary>What the views in <c>module/ZipLM.format.ps1xml</c> show, in code that can be tested.</summary>
public static class Views
{
    /// <summary>Marks a pruned model, whose view is a list.</summary>
    public const string PrunedType = "ZipLM.Model#Pruned";

    /// <summary>Heads left in each layer: <c>4 2 0 4</c>, or <c>12 × 4</c> where all are alike.</summary>
    public static string Heads(Model model) => Shapes(model.Layers.Select(l => l.Heads));

    /// <summary>Feed-forward width left in each layer.</summary>
    public static string Widths(Model model) => Shapes(model.Layers.Select(l => l.Width));

    /// <summary><c>3.04× ± 0.8 % (100 rounds)</c></summary>
    public static string Measured(Model model) => model.Pruning?.Measured.ToString() ?? string.Empty;

    /// <summary><c>3.00×</c>, <c>5 ms (2.80×)</c>, <c>900 sequences/s (2.80×)</c>, or <c>at most 30.00 M parameters</c>.</summary>
    public static string Target(Model model) => model.Pruning?.Target switch
    {
        { Kind: PruningTargetKind.Milliseconds } target => string.Create(CultureInfo.InvariantCulture, $"{target.Value:0.####} ms ({Times(model.TargetSpeedup)})"),
        { Kind: PruningTargetKind.Throughput } target => string.Create(CultureInfo.InvariantCulture, $"{target.Value:0.##} sequences/s ({Times(model.TargetSpeedup)})"),
        { Kind: PruningTargetKind.Parameters } target => $"at most {Millions((long)target.Value)} parameters",
        _ => Times(model.TargetSpeedup),
    };

    /// <summary><c>3.00×</c>; empty without a value.</summary>
    public static string Times(double? value) =>
        value is { } v ? string.Create(CultureInfo.InvariantCulture, $"{v:0.00}×") : string.Empty;

    /// <summary><c>3.04× ± 1.2 %</c></summary>
    public static string Speedup(ModelMeasurement measurement) => measurement.Speedup is { } speedup
        ? string.Create(CultureInfo.InvariantCulture, $"{speedup:0.00}× ± {measurement.SpeedupSpread * 100:0.0} %")
        : string.Empty;

    /// <summary><c>dev</c>, or <c>dev, Typo</c> where its texts were disturbed.</summary>
    public static string Data(ModelMeasurement measurement) =>
        measurement.Perturbation is { } perturbation ? $"{measurement.Data}, {perturbation}" : measurement.Data;

    /// <summary>
    /// The levels of a table side by side: heads and widths with their times, and the share of the dense model's time that
    /// all layers together would take at that level.
    /// </summary>
    public static string Levels(LatencyTable table)
    {
        var (attention, feedForward) = (table.LevelsOf(Sublayer.Attention), table.LevelsOf(Sublayer.FeedForward));
        IEnumerable<string> rows = Enumerable.Range(0, Math.Max(attention.Count, feedForward.Count))
            .Select(i => $"{Cells(Sublayer.Attention, attention, i)}   {Cells(Sublayer.FeedForward, feedForward, i)}".TrimEnd());
        return string.Join(Environment.NewLine, rows.Prepend($"{"Heads",6} {"Attention ms",13} {"Share",7}   {"Width",6} {"Feed-forward ms",16} {"Share",7}"));

        string Cells(Sublayer sublayer, IReadOnlyList<int> levels, int i)
        {
            var width = sublayer == Sublayer.Attention ? 13 : 16;
            if (i >= levels.Count)
            {
                return new string(' ', 6 + 1 + width + 1 + 7);
            }

            var milliseconds = table.Milliseconds(sublayer, levels[i]);
            var share = (milliseconds * table.Model.Layers.Count / table.DenseMilliseconds * 100).ToString("0.0 '%'", CultureInfo.CurrentCulture);
            return $"{levels[i],6} {milliseconds.ToString("0.0000", CultureInfo.CurrentCulture).PadLeft(width)} {share,7}";
        }
    }

    /// <summary><c>0.01, condition 3.2e+4</c>, or <c>0.1 (raised from 0.01), condition 3.2e+11</c>; no condition where nothing was inverted.</summary>
    public static string Damping(Model model) => model.Pruning is { } pruning
        ? string.Create(CultureInfo.InvariantCulture, $"{pruning.LargestDamping:G3}")
            + (pruning.LargestDamping > pruning.Damping ? string.Create(CultureInfo.InvariantCulture, $" (raised from {pruning.Damping:G3})") : string.Empty)
            + (pruning.WorstCondition > 0 ? string.Create(CultureInfo.InvariantCulture, $", condition {pruning.WorstCondition:0.0e+0}") : string.Empty)
        : string.Empty;

    /// <summary>Where a copy can be had: the directory, or <c>not saved</c>.</summary>
    public static string State(Model model) => model.State switch
    {
        ModelState.NotSaved => "not saved",
        ModelState.Disposed => "disposed",
        _ => model.Path!,
    };

    /// <summary>What the parameter counts as in millions: <c>109.5 M</c>.</summary>
    public static string Millions(long count) => string.Create(CultureInfo.InvariantCulture, $"{count / 1e6:0.00} M");

    /// <summary>Bytes as MB or GB.</summary>
    public static string Bytes(long bytes) => bytes >= 1_000_000_000
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB");

    /// <summary><c>2.05× ± 1.1 %</c></summary>
    public static string Speedup(CompressionMember member) =>
        string.Create(CultureInfo.InvariantCulture, $"{member.Speedup:0.00}× ± {member.SpeedupSpread * 100:0.0} %");

    /// <summary><c>accuracy on dev, dense 0.8428</c></summary>
    public static string Quality(CompressionSummary summary) =>
        string.Create(CultureInfo.InvariantCulture, $"{summary.Metric} on {summary.Data}, dense {summary.DenseQuality:0.0000}");

    /// <summary><c>accuracy = 0.864 − 0.011 × speedup, residual 0.0021 (6 members)</c>; why there is none with fewer than two members.</summary>
    public static string Line(CompressionSummary summary) => summary is { Intercept: { } a, Slope: { } b, Residual: { } residual }
        ? string.Create(CultureInfo.InvariantCulture,
            $"{summary.Metric} = {a:0.000#} {(b < 0 ? '+' : '−')} {Math.Abs(b):0.000#} × speedup, residual {residual:0.0000} ({summary.Members.Count} members)")
        : "none: it takes two members of different speedup";

    /// <summary>The members as a table.</summary>
    public static string Members(CompressionSummary summary) => string.Join(Environment.NewLine, summary.Members
        .Select(m => string.Create(CultureInfo.InvariantCulture, $"{m.Model,-20} {Times(m.Target),8} {Speedup(m),16} {m.Quality,8:0.0000} {m.QualityChange,8:+0.0000;-0.0000;0.0000} {Millions(m.Parameters),11} {m.SizeMB,8:0.0}"))
        .Prepend($"{"Model",-20} {"Target",8} {"Speedup",16} {"Quality",8} {"Change",8} {"Parameters",11} {"Size MB",8}"));

    /// <summary>The run directory with its recipe, and who is at work in it.</summary>
    public static string Run(CompressionStage stage) => $"{stage.Run} ({stage.Recipe}){(stage.InUseBy is { } holder ? $", in use by {holder}" : string.Empty)}";

    /// <summary><c>00:01:05</c>; empty while a stage is not done.</summary>
    public static string Duration(CompressionStage stage) => stage.Duration?.ToString(@"d\.hh\:mm\:ss", CultureInfo.InvariantCulture) is { } text
        ? text.StartsWith("0.", StringComparison.Ordinal) ? text[2..] : text
        : string.Empty;

    /// <summary>Wraps a result so that its view is found.</summary>
    internal static PSObject Tag(object result)
    {
        var wrapped = PSObject.AsPSObject(result);
        if (result is Model { Pruning: not null } && !wrapped.TypeNames.Contains(PrunedType))
        {
            wrapped.TypeNames.Insert(0, PrunedType);
        }

        return wrapped;
    }

    private static string Shapes(IEnumerable<int> levels)
    {
        var list = levels.ToList();
        return list.Distinct().Count() == 1 && list.Count > 1
            ? $"{list.Count} × {list[0]}"
            : string.Join(' ', list);
    }
}
