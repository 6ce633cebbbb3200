using System.Globalization;
using System.Xml.Linq;

namespace ZipLM.Engine.Reporting;

/// <summary>The page: well-formed HTML without scripts, fonts or images from elsewhere.</summary>
internal sealed class ReportPage(CompressionReport report)
{
    // No '<', '>' or '&' in it: XML would escape them, and HTML would not undo that here.
    private const string Style = """
        :root { color-scheme: light dark; --paper: #ffffff; --ink: #1d2530; --soft: #5b6675; --line: #d5dbe3; --band: #f3f5f8; }
        @media (prefers-color-scheme: dark) { :root { --paper: #14181f; --ink: #e6eaf0; --soft: #9aa5b4; --line: #343d4a; --band: #1c222b; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
        h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere; }
        h2 { font-size: 1.2rem; margin: 2.25rem 0 .75rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
        p { margin: .25rem 0; color: var(--soft); overflow-wrap: anywhere; }
        .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 1.25rem; margin-top: 1rem; }
        figure { margin: 0; min-width: 0; padding: .75rem; border: 1px solid var(--line); border-radius: .5rem; break-inside: avoid; }
        figcaption { font-weight: 600; overflow-wrap: anywhere; }
        svg { display: block; width: 100%; height: auto; color: var(--ink); }
        svg .grid { stroke: var(--line); }
        .legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; list-style: none; margin: .25rem 0; padding: 0; font-size: .9rem; overflow-wrap: anywhere; }
        summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
        .scroll { overflow-x: auto; max-width: 100%; }
        table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
        caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
        th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
        th:first-child, .text { text-align: left; }
        thead th { background: var(--band); }
        tbody th { font-weight: 400; }
        @media print { :root { --paper: #ffffff; --ink: #000000; --soft: #333333; --line: #bbbbbb; --band: #eeeeee; } body { max-width: none; padding: 0; font-size: .8rem; } .scroll { overflow: visible; } details::details-content { content-visibility: visible; block-size: auto; } }
        """;

    private int _figures;

    public string ToHtml()
    {
        var page = new XElement("html", new XAttribute("lang", "en"),
            new XElement("head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                new XElement("link", new XAttribute("rel", "icon"), new XAttribute("href", "data:,")),
                new XElement("title", report.Title),
                new XElement("style", Style)),
            new XElement("body",
                new XElement("header", new XElement("h1", report.Title), new XElement("p", "Structured pruning with ZipLM: what was measured.")),
                new XElement("main", Measured(), Shapes(), Training(), Latency())));
        return "<!DOCTYPE html>\n" + page.ToString(SaveOptions.DisableFormatting) + "\n";
    }

    private IEnumerable<XElement> Measured()
    {
        if (report.Measurements.Count == 0)
            yield break;
        yield return new XElement("h2", "Quality and speed");
        yield return ReportTable.Make("Measured models", ["Model", "Data", "Runtime", "Metric", "Quality", "Change", "Loss", "ms", "Speedup", "± %", "Parameters", "MB"],
            report.Measurements.Select(row => (string[])
            [
                row.Model, Data(row), Runtime(row.Environment), row.Metric, ReportTable.Number(row.Quality), Optional(row.QualityChange), ReportTable.Number(row.Loss), ReportTable.Number(row.Milliseconds),
                Optional(row.Speedup), Optional(row.SpeedupSpread * 100), row.Parameters.ToString("N0", CultureInfo.InvariantCulture), ReportTable.Number(row.SizeMB),
            ]));
        foreach (InferenceEnvironment environment in report.Measurements.Select(row => row.Environment).Distinct())
            yield return new XElement("p", $"Measured on {environment}.");

        // Against nothing there is no speedup to draw.
        ReportFigure[] figures =
        [
            .. report.Measurements.Where(row => row.Speedup is not null).GroupBy(row => row.Metric, StringComparer.Ordinal).Select(metric => new ReportFigure(
                $"{metric.Key} against speedup", "speedup (×)", metric.Key,
                [.. metric.GroupBy(Compared, StringComparer.Ordinal).Select(data => new ReportSeries(data.Key, [.. data.Select(row => (row.Speedup!.Value, row.Quality)).OrderBy(point => point.Item1)]))])
            {
                WholeX = false,
            }),
        ];
        if (figures.Length > 0)
            yield return Figures(figures);
    }

    private IEnumerable<XElement> Shapes()
    {
        if (report.Models.Count == 0)
            yield break;
        yield return new XElement("h2", "What is left of each layer");
        yield return ReportTable.Make("Models", ["Model", "Parameters", "Target ×", "Predicted ×", "Measured ×"],
            report.Models.Select(model => (string[])
            [
                model.Name, model.Parameters.ToString("N0", CultureInfo.InvariantCulture), Optional(model.TargetSpeedup), Optional(model.PredictedSpeedup), Optional(model.MeasuredSpeedup),
            ]));
        yield return Figures(
        [
            Shape("Attention heads of each layer", "heads", layer => layer.Heads),
            Shape("Feed-forward width of each layer", "columns", layer => layer.Width),
        ]);
    }

    private IEnumerable<XElement> Training()
    {
        foreach (LearningCurve curve in report.Curves)
        {
            yield return new XElement("h2", $"Training: {curve.Name}");
            ReportSeries[] losses =
            [
                .. Line("loss", curve, metric => metric.Loss), .. Line("task", curve, metric => metric.TaskLoss), .. Line("logits", curve, metric => metric.LogitLoss),
            ];
            string quality = curve.Metrics.LastOrDefault(metric => metric.ValidationMetric is not null)?.ValidationMetric ?? "quality";
            ReportFigure[] figures =
            [
                new("Loss by term", "step", "loss", losses),
                // A distance of vectors, many times the other terms: in one figure it would press them flat.
                new("Token loss", "step", "distance", [.. Line("tokens", curve, metric => metric.TokenLoss)]),
                new("Quality on the validation data", "step", quality, [.. Line("validation", curve, metric => metric.Validation)]),
                new("Speed of training", "step", "tokens/s", [.. Line("tokens/s", curve, metric => metric.TokensPerSecond)]) { FromZero = true },
            ];
            yield return Figures(figures.Where(figure => figure.Series.Count > 0));
        }
    }

    private IEnumerable<XElement> Latency()
    {
        foreach (LatencyTable table in report.Tables)
        {
            yield return new XElement("h2", $"Latency table: {table.Model.Name}");
            yield return new XElement("p", string.Create(CultureInfo.InvariantCulture,
                $"{table.Environment}. Dense model {table.DenseMilliseconds:G6} ms, embeddings and head {table.RestMilliseconds:G6} ms, {table.Rounds} rounds, table {table.Fingerprint}."));
            yield return Figures(
            [
                Level("Attention", "heads", table, Sublayer.Attention), Level("Feed-forward", "columns", table, Sublayer.FeedForward),
            ]);
        }
    }

    private XElement Figures(IEnumerable<ReportFigure> figures) =>
        new("div", new XAttribute("class", "figures"), figures.Select(figure => figure.ToHtml(string.Create(CultureInfo.InvariantCulture, $"f{_figures++}-"))));

    private ReportFigure Shape(string title, string unit, Func<LayerShape, int> level) => new(title, "layer", unit,
        [.. report.Models.Select(model => new ReportSeries(model.Name, [.. model.Layers.Select(layer => ((double)layer.Layer, (double)level(layer)))]))]) { FromZero = true };

    private static ReportFigure Level(string name, string unit, LatencyTable table, Sublayer sublayer) => new($"{name}: time of one sublayer", unit, "ms",
        [new ReportSeries(name, [.. table.Levels.Where(level => level.Sublayer == sublayer).OrderBy(level => level.Level).Select(level => ((double)level.Level, level.Milliseconds))])]) { FromZero = true };

    /// <summary>A curve where it has points, else nothing.</summary>
    private static IEnumerable<ReportSeries> Line(string name, LearningCurve curve, Func<TrainingMetric, double?> value)
    {
        (double, double)[] points = [.. curve.Metrics.Where(metric => value(metric) is not null).Select(metric => ((double)metric.Step, value(metric)!.Value))];
        if (points.Length > 0)
            yield return new ReportSeries(name, points);
    }

    private static string Data(ModelMeasurement row) => row.Perturbation is { } perturbation ? $"{row.Data} ({perturbation})" : row.Data;

    private static string Runtime(InferenceEnvironment environment) => $"{environment.Runtime}, {environment.Precision}";

    /// <summary>What members of one line have in common: data as it is or disturbed in one way, and one environment; that is named where there are several.</summary>
    private string Compared(ModelMeasurement row) =>
        report.Measurements.Select(r => r.Environment).Distinct().Count() == 1 ? Data(row) : $"{Data(row)}, {row.Environment}";

    private static string Optional(double? value) => value is { } number ? ReportTable.Number(number) : "–";
}
