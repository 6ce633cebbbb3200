using System.Globalization;
using System.Xml.Linq;

namespace ZipLM.Engine.Reporting;

/// <summary>A figure of the report with the numbers that it shows.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="X">Name of the horizontal axis, with its unit.</param>
/// <param name="Y">Name of the vertical axis, with its unit.</param>
/// <param name="Series">Its lines.</param>
internal sealed record ReportFigure(string Title, string X, string Y, IReadOnlyList<ReportSeries> Series)
{
    /// <summary>Whether the vertical axis starts at 0: where a height must not deceive.</summary>
    public bool FromZero { get; init; }

    /// <summary>Whether points are counted, not measured, along the horizontal axis.</summary>
    public bool WholeX { get; init; } = true;

    /// <summary>What a reader who does not see it is told.</summary>
    public string Description => string.Create(CultureInfo.InvariantCulture, $"{Title}: {Y} against {X}. {string.Join(" ", Series.Select(Describe))} The numbers are in the table below.");

    /// <summary>The figure, its legend and its numbers.</summary>
    public XElement ToHtml(string id) => new("figure",
        new XElement("figcaption", Title),
        ReportPlot.Draw(this, id),
        new XElement("ul", new XAttribute("class", "legend"), Series.Select((series, i) => new XElement("li",
            new XElement("b", new XAttribute("aria-hidden", "true"), new XAttribute("style", $"color:{ReportPlot.ColorOf(i)}"), ReportPlot.SignOf(i)), " ", series.Name))),
        new XElement("details", new XElement("summary", "Numbers"), Table()));

    /// <summary>One row for each place on the horizontal axis, one column for each line.</summary>
    private XElement Table() => ReportTable.Make($"{Title}, the numbers", [X, .. Series.Select(series => series.Name)],
        Series.SelectMany(series => series.Points.Select(point => point.X)).Distinct().Order()
            .Select(x => (string[])[ReportTable.Number(x), .. Series.Select(series => series.At(x) is { } y ? ReportTable.Number(y) : "–")]));

    private static string Describe(ReportSeries series) => string.Create(CultureInfo.InvariantCulture,
        $"{series.Name}: from {ReportTable.Number(series.Points[0].Y)} at {ReportTable.Number(series.Points[0].X)} to {ReportTable.Number(series.Points[^1].Y)} at {ReportTable.Number(series.Points[^1].X)}.");
}
