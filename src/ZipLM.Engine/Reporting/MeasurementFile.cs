using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using CsvHelper;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Reporting;

/// <summary>Measurements as a file that other tools read.</summary>
public static class MeasurementFile
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, Converters = { new JsonStringEnumConverter() } };

    private static readonly PropertyInfo[] Columns = typeof(ModelMeasurement).GetProperties();

    /// <summary>Refuses a file that could not be written, before anything is measured for it.</summary>
    /// <exception cref="ZipLMException"><c>FileNotWritable</c>.</exception>
    public static void RequireWritable(string path) => AtomicFile.RequireWritable(path);

    /// <summary>Writes all rows, whole or not at all: JSON where the name ends in <c>.json</c>, else CSV.</summary>
    public static void Write(string path, IReadOnlyCollection<ModelMeasurement> rows) => AtomicFile.Write(path, stream =>
    {
        if (path.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
        {
            JsonSerializer.Serialize(stream, rows, Json);
            return;
        }

        using var csv = CsvWriter.Create(stream, new CsvWriterOptions(), leaveOpen: true);
        csv.WriteHeader(Columns.Select(c => c.Name).ToArray());
        foreach (var row in rows)
        {
            csv.WriteRecord(Columns.Select(c => Text(c.GetValue(row))).ToArray());
        }
    });

    private static string Text(object? value) => value is IReadOnlyDictionary<string, double> metrics
        ? string.Join(' ', metrics.Select(metric => string.Create(CultureInfo.InvariantCulture, $"{metric.Key}={metric.Value}")))
        : Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty;
}
