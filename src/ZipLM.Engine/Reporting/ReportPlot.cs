using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace ZipLM.Engine.Reporting;

/// <summary>Draws a figure as SVG that takes its ink from the page, so that one drawing serves light, dark and paper.</summary>
internal static partial class ReportPlot
{
    private const int Width = 480;
    private const int Height = 300;
    private const int MostMarkers = 30;

    /// <summary>Colours that no line has; the page's own take their places.</summary>
    private const string Ink = "#010203";
    private const string Grid = "#040506";

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    /// <summary>Readable on white and on near-black; told apart by shape as well.</summary>
    private static readonly string[] LineColors = ["#2f7ed8", "#d9822b", "#2a9d6f", "#b660cd", "#d64550", "#8a8f98"];

    private static readonly (MarkerShape Shape, string Sign)[] Markers =
        [(MarkerShape.FilledCircle, "●"), (MarkerShape.FilledSquare, "■"), (MarkerShape.FilledTriangleUp, "▲"), (MarkerShape.FilledDiamond, "◆"), (MarkerShape.FilledTriangleDown, "▼")];

    static ReportPlot()
    {
        foreach (Assembly assembly in new[] { typeof(SkiaSharp.SKCanvas).Assembly, typeof(HarfBuzzSharp.Face).Assembly })
            NativeLibrary.SetDllImportResolver(assembly, (name, _, _) => NativeLibrary.TryLoad(PathOf(name), out nint library) ? library : 0);
    }

    public static string ColorOf(int series) => LineColors[series % LineColors.Length];

    public static string SignOf(int series) => Markers[series % Markers.Length].Sign;

    /// <param name="id">What the names inside the drawing start with: all drawings share the page's names.</param>
    /// <exception cref="ZipLMException"><c>NativeLibraryUnavailable</c>.</exception>
    public static XElement Draw(ReportFigure figure, string id)
    {
        RequireNatives();
        using var plot = new Plot();
        plot.FigureBackground.Color = Colors.Transparent;
        plot.DataBackground.Color = Colors.Transparent;
        plot.Axes.Color(Color.FromHex(Ink));
        plot.Grid.MajorLineColor = Color.FromHex(Grid);
        plot.XLabel(figure.X, size: 14);
        plot.YLabel(figure.Y, size: 14);
        plot.Axes.Bottom.Label.Bold = plot.Axes.Left.Label.Bold = false;
        plot.Axes.Bottom.TickLabelStyle.FontSize = plot.Axes.Left.TickLabelStyle.FontSize = 13;
        // The page's letters are wider than those that the size of an axis is measured with.
        plot.Axes.Left.MinimumSize = 76;
        plot.Axes.Bottom.TickGenerator = new NumericAutomatic { IntegerTicksOnly = figure.WholeX };
        for (int i = 0; i < figure.Series.Count; i++)
        {
            (double X, double Y)[] points = [.. figure.Series[i].Points.Where(point => double.IsFinite(point.X) && double.IsFinite(point.Y))];
            if (points.Length == 0)
                continue;
            var line = plot.Add.Scatter(Array.ConvertAll(points, point => point.X), Array.ConvertAll(points, point => point.Y));
            line.Color = Color.FromHex(ColorOf(i));
            line.LineWidth = 2;
            line.MarkerSize = 0;
            // Of a long line some points, so that its shape can be told: it starts with one.
            int apart = points.Length > 2 * MostMarkers ? 1 + (points.Length / MostMarkers) : 1;
            (double X, double Y)[] marked = [.. points.Where((_, at) => at % apart == 0)];
            var markers = plot.Add.ScatterPoints(Array.ConvertAll(marked, point => point.X), Array.ConvertAll(marked, point => point.Y));
            markers.Color = line.Color;
            markers.MarkerShape = Markers[i % Markers.Length].Shape;
            markers.MarkerSize = 7;
        }

        plot.Axes.AutoScale();
        if (figure.FromZero)
            plot.Axes.SetLimitsY(0, plot.Axes.GetLimits().Top * 1.05);
        return Adopt(plot.GetSvgXml(Width, Height), figure, id);
    }

    /// <summary>Makes a drawing part of the page: its size, its ink, its names, and the words for those who do not see it.</summary>
    private static XElement Adopt(string xml, ReportFigure figure, string id)
    {
        XElement svg = XDocument.Parse(xml).Root!;
        string[] names = [.. svg.Descendants().Attributes("id").Select(name => name.Value)];
        foreach (XAttribute attribute in svg.DescendantsAndSelf().Attributes().ToList())
        {
            string value = attribute.Value;
            if (value.Equals(Ink, StringComparison.OrdinalIgnoreCase) || value == "rgb(1,2,3)")
                attribute.Value = "currentColor";
            else if (value.Equals(Grid, StringComparison.OrdinalIgnoreCase) || value == "rgb(4,5,6)")
                attribute.Parent!.SetAttributeValue("class", "grid");
            else if (attribute.Name == "id")
                attribute.Value = id + value;
            else if (attribute.Name == "font-family")
                attribute.Value = "sans-serif";
            else
                attribute.Value = Reference().Replace(value, match => names.Contains(match.Groups["name"].Value) ? $"{match.Groups["start"].Value}{id}{match.Groups["name"].Value}" : match.Value);
        }

        svg.SetAttributeValue("width", null);
        svg.SetAttributeValue("height", null);
        svg.SetAttributeValue("viewBox", string.Create(CultureInfo.InvariantCulture, $"0 0 {Width} {Height}"));
        svg.SetAttributeValue("role", "img");
        svg.SetAttributeValue("aria-label", figure.Description);
        svg.AddFirst(new XElement(Svg + "title", figure.Description));
        return svg;
    }

    /// <summary>Fails with the reason before anything is drawn; the resolver's own failure would have none.</summary>
    private static void RequireNatives()
    {
        foreach (string library in new[] { "libSkiaSharp", "libHarfBuzzSharp" })
        {
            try
            {
                NativeLibrary.Load(PathOf(library));
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
            {
                throw new ZipLMException("NativeLibraryUnavailable", ErrorKind.ResourceUnavailable,
                    $"The library that draws does not load: {e.Message}", "Install the module again; Linux on x64 is needed.", library, e);
            }
        }
    }

    private static string PathOf(string library) =>
        Path.Combine(Path.GetDirectoryName(typeof(ReportPlot).Assembly.Location)!, "runtimes/linux-x64/native", library + ".so");

    [GeneratedRegex(@"^(?<start>(url\()?#)(?<name>\w+)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Reference();
}
