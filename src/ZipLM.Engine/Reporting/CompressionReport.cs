using System.Text;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Reporting;

/// <summary>What a report shows; each part may be empty.</summary>
public sealed class CompressionReport
{
    /// <summary>The page's heading.</summary>
    public required string Title { get; init; }

    /// <summary>Measured models.</summary>
    public IReadOnlyList<ModelMeasurement> Measurements { get; init; } = [];

    /// <summary>The members of the family, the dense model included or not.</summary>
    public IReadOnlyList<Model> Models { get; init; } = [];

    /// <summary>Learning curves.</summary>
    public IReadOnlyList<LearningCurve> Curves { get; init; } = [];

    /// <summary>Latency tables.</summary>
    public IReadOnlyList<LatencyTable> Tables { get; init; } = [];

    /// <summary>Writes one self-contained HTML page, whole or not at all.</summary>
    /// <exception cref="ZipLMException"><c>ReportEmpty</c>, <c>NativeLibraryUnavailable</c>, <c>DiskFull</c>, <c>FileNotWritable</c>.</exception>
    public void Write(string path)
    {
        if (Measurements.Count + Models.Count + Curves.Count + Tables.Count == 0)
        {
            throw new ZipLMException("ReportEmpty", ErrorKind.InvalidArgument, "There is nothing to report.",
                "Pipe measurements, models, training metrics or latency tables to New-CompressionReport, or give -MetricsPath.", path);
        }

        AtomicFile.Write(path, Encoding.UTF8.GetBytes(new ReportPage(this).ToHtml()));
    }

    /// <summary>Refuses a file that could not be written, before anything is drawn for it.</summary>
    /// <exception cref="ZipLMException"><c>FileNotWritable</c>.</exception>
    public static void RequireWritable(string path) => AtomicFile.RequireWritable(path);
}
