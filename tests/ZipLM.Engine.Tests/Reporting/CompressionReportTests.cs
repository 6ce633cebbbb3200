using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;
using ZipLM.Engine.Models;
using ZipLM.Engine.Reporting;
using ZipLM.Engine.Tests.Storage;

namespace ZipLM.Engine.Tests.Reporting;

public sealed partial class CompressionReportTests(SessionFixture fixture) : IClassFixture<SessionFixture>, IDisposable
{
    private static readonly InferenceEnvironment Environment = new("cpu", "a <CPU> & co", InferenceRuntime.Torch, Precision.Float32, 1, 46, 2, "2.10.0");

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_page_is_well_formed_needs_nothing_from_elsewhere_and_describes_every_figure()
    {
        XElement page = Whole();
        XElement[] drawings = [.. page.Descendants().Where(element => element.Name.LocalName == "svg")];
        Assert.Equal(9, drawings.Length);
        Assert.Equal(drawings.Length, page.Descendants("figure").Count());
        Assert.All(drawings, svg =>
        {
            Assert.Equal("img", svg.Attribute("role")?.Value);
            Assert.NotEmpty(svg.Attribute("aria-label")!.Value);
            Assert.NotNull(svg.Attribute("viewBox"));
            Assert.Contains(svg.Descendants(), element => element.Name.LocalName == "path" || element.Name.LocalName == "polyline");
            Assert.Contains(svg.DescendantsAndSelf().Attributes(), attribute => attribute.Value == "currentColor");
            Assert.Contains(svg.Descendants().Attributes("stroke").Concat(svg.Descendants().Attributes("fill")), color => color.Value.Equals("#2f7ed8", StringComparison.OrdinalIgnoreCase) || color.Value == "rgb(47,126,216)");
            Assert.DoesNotContain(svg.Descendants().Attributes(), attribute => attribute.Value.Contains("010203", StringComparison.Ordinal) || attribute.Value == "rgb(1,2,3)");
        });
        Assert.All(page.Descendants("figure"), figure => Assert.Single(figure.Descendants("table")));
        Assert.All(page.Descendants("table"), table => Assert.NotEmpty(table.Element("caption")!.Value));

        // Names are the whole page's, and none is used that is not there.
        string[] names = [.. page.Descendants().Attributes("id").Select(id => id.Value)];
        Assert.Equal(names.Distinct(StringComparer.Ordinal), names);
        Assert.All(page.Descendants().Attributes().SelectMany(attribute => Reference().Matches(attribute.Value)), match => Assert.True(names.Contains(match.Groups[1].Value) || HexColor().IsMatch(match.Value), match.Value));
        Assert.DoesNotContain(page.Descendants(), element => element.Name.LocalName is "script" or "img" or "iframe" or "object");
        Assert.DoesNotContain(page.Descendants().Attributes(), attribute => !attribute.IsNamespaceDeclaration && attribute.Value.Contains("//", StringComparison.Ordinal));

        // An element that is empty and not void would swallow what follows it when HTML reads it.
        Assert.DoesNotContain(page.Descendants(), element => element.Name.NamespaceName.Length == 0 && element.IsEmpty && element.Name.LocalName is not ("meta" or "link"));
    }

    [Fact]
    public void The_tables_hold_the_numbers_that_were_given()
    {
        XElement page = Whole();
        Assert.Equal(
            [
                ["bert", "dev <1>", "Torch, Float32", "accuracy", "0.8428", "–", "0.5", "1.391", "–", "–", "1,840,000", "7.4"],
                ["bert-3x", "dev <1>", "Torch, Float32", "accuracy", "0.8194", "-0.0234", "0.5", "0.477", "2.68", "2.4", "1,840,000", "7.4"],
                ["bert-2x", "dev <1>", "Torch, Float32", "accuracy", "0.83", "-0.0128", "0.5", "0.7", "1.98", "2.4", "1,840,000", "7.4"],
            ], Rows(page, "Measured models"));
        Assert.Equal([["1.98", "0.83"], ["2.68", "0.8194"]], Rows(page, "accuracy against speedup, the numbers"));
        Assert.Equal([["10", "2.5", "1.5"], ["20", "1.25", "1"]], Rows(page, "Loss by term, the numbers"));
        Assert.Equal([["10", "NaN"], ["20", "0.25"]], Rows(page, "Token loss, the numbers"));
        Assert.Equal([["20", "0.75"]], Rows(page, "Quality on the validation data, the numbers"));
        Assert.Contains(page.Descendants().Attributes("aria-label"), label => label.Value.StartsWith("Quality on the validation data: F1 against step.", StringComparison.Ordinal));
        Assert.Equal([["10", "1000"], ["20", "1100.5"]], Rows(page, "Speed of training, the numbers"));

        using var model = TinyBert.Model(fixture.Session, 95);
        Assert.Equal(model.Layers.Select(layer => (string[])[$"{layer.Layer}", $"{layer.Heads}"]), Rows(page, "Attention heads of each layer, the numbers"));
        Assert.Equal(model.Layers.Select(layer => (string[])[$"{layer.Layer}", $"{layer.Width}"]), Rows(page, "Feed-forward width of each layer, the numbers"));
        Assert.Equal(
            MadeUpTable.Of(model).Levels.Where(level => level.Sublayer == Sublayer.Attention).OrderBy(level => level.Level)
                .Select(level => (string[])[$"{level.Level}", level.Milliseconds.ToString("G6", CultureInfo.InvariantCulture)]),
            Rows(page, "Attention: time of one sublayer, the numbers"));
    }

    /// <summary>One line for each way in which members were measured: speedups of two runtimes, or texts with mistakes in them, are not compared.</summary>
    [Fact]
    public void What_was_measured_in_another_way_is_a_line_of_its_own()
    {
        var row = Measured("bert-2x", 0.83, 0.7, 1.98);
        var page = Written(new()
        {
            Title = "A <family> & its \"members\"",
            Measurements = [row, row with { Perturbation = Perturbation.Typo }, row with { Environment = Environment with { Runtime = InferenceRuntime.OnnxRuntime, Precision = Precision.Int8 } }],
        });
        Assert.Equal(
            ["dev <1> Torch, Float32", "dev <1> (Typo) Torch, Float32", "dev <1> OnnxRuntime, Int8"], Rows(page, "Measured models").Select(cells => $"{cells[1]} {cells[2]}"));
        Assert.Equal(3, page.Descendants("li").Count());
        Assert.Equal(3, page.Descendants("li").Select(item => item.Value).Distinct(StringComparer.Ordinal).Count());
    }

    /// <summary>The legend tells lines apart by the shapes on them: of a long line some are drawn, never all, never none.</summary>
    [Theory]
    [InlineData(20)]
    [InlineData(2000)]
    public void Lines_have_shapes_however_long_they_are(int steps)
    {
        int With(int lines) => Written(new()
        {
            Title = "A <family> & its \"members\"",
            Curves = [new("run", [.. Enumerable.Range(1, steps).Select(step => Metric(step, 1.0 / step) with { TaskLoss = lines > 1 ? 2.0 / step : null })])],
        }).Descendants().First(e => e.Name.LocalName == "svg").Descendants().Count(e => e.Name.LocalName is "path" or "circle" or "ellipse" or "rect" or "polygon");
        Assert.InRange(With(2) - With(1), 15, 80);
    }

    [Fact]
    public void Nothing_to_report_is_an_error_and_no_file()
    {
        string path = _folder["empty.html"];
        Assert.Equal("ZipLM.ReportEmpty", Assert.Throws<ZipLMException>(() => new CompressionReport { Title = "x" }.Write(path)).ErrorId);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_learning_curve_is_read_from_its_folder_or_file_but_for_a_line_that_was_cut_short()
    {
        TrainingMetric[] metrics = [Metric(10, 2.5), Metric(20, 1.25)];
        string file = _folder.Write("run 1/metrics.jsonl", string.Join('\n', metrics.Select(metric => JsonSerializer.Serialize(metric))) + "\n{\"Step\":30,\"Lo");
        foreach (string path in new[] { file, _folder["run 1"] })
        {
            LearningCurve curve = LearningCurve.Read(path);
            Assert.Equal("run 1", curve.Name);
            Assert.Equal(metrics, curve.Metrics);
        }

        _folder.Write("bad/metrics.jsonl", "{}\n{}\n");
        Assert.Equal("ZipLM.MetricsInvalid", Assert.Throws<ZipLMException>(() => LearningCurve.Read(_folder["bad"])).ErrorId);
        Assert.Equal("ZipLM.MetricsNotFound", Assert.Throws<ZipLMException>(() => LearningCurve.Read(_folder["none"])).ErrorId);
        Assert.Equal([2, 1], LearningCurve.Split([Metric(1, 1), Metric(2, 1), Metric(1, 1)]).Select(run => run.Metrics.Count));
    }

    /// <summary>A report with every kind of figure.</summary>
    internal static CompressionReport Report(TransformerModel model) => new()
    {
        Title = "A <family> & its \"members\"",
        Measurements = [Measured("bert", 0.8428, 1.391), Measured("bert-3x", 0.8194, 0.477, 2.68), Measured("bert-2x", 0.83, 0.7, 1.98)],
        Models = [model],
        Curves = [new("run", [Metric(10, 2.5) with { TaskLoss = 1.5, TokenLoss = double.NaN }, Metric(20, 1.25) with { TaskLoss = 1, TokenLoss = 0.25, Validation = 0.75, ValidationMetric = "F1", TokensPerSecond = 1100.5 }])],
        Tables = [MadeUpTable.Of(model)],
    };

    private XElement Whole()
    {
        using var model = TinyBert.Model(fixture.Session, 95);
        return Written(Report(model));
    }

    private XElement Written(CompressionReport report)
    {
        string path = _folder["report.html"];
        report.Write(path);
        string html = File.ReadAllText(path);
        Assert.StartsWith("<!DOCTYPE html>\n<html lang=\"en\">", html, StringComparison.Ordinal);
        Assert.Equal(["report.html"], _folder.Entries());
        XElement page = XElement.Parse(html[html.IndexOf('\n', StringComparison.Ordinal)..]);
        Assert.Equal("A <family> & its \"members\"", page.Descendants("h1").Single().Value);
        return page;
    }

    private static List<string[]> Rows(XElement page, string caption) =>
        [.. page.Descendants("table").Single(table => table.Element("caption")!.Value == caption).Element("tbody")!.Elements("tr").Select(row => row.Elements().Select(cell => cell.Value).ToArray())];

    private static ModelMeasurement Measured(string name, double quality, double milliseconds, double? speedup = null) => new()
    {
        Model = name, Data = "dev <1>", Metric = "accuracy", Quality = quality, Loss = 0.5, Samples = 100, Milliseconds = milliseconds,
        Speedup = speedup, SpeedupSpread = speedup is null ? null : 0.024, Rounds = 50, QualityChange = speedup is null ? null : Math.Round(quality - 0.8428, 6),
        Parameters = 1_840_000, SizeMB = 7.4, Environment = Environment,
    };

    private static TrainingMetric Metric(int step, double loss) => new()
    {
        Step = step, TotalSteps = 100, Epoch = step / 10.0, Loss = loss, LearningRate = 1e-3, TokensPerSecond = 1000,
    };

    [GeneratedRegex("^#[0-9A-Fa-f]{6}$", RegexOptions.CultureInvariant)]
    private static partial Regex HexColor();

    [GeneratedRegex(@"(?:^|url\()#([\w-]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Reference();
}
