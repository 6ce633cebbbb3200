using System.Globalization;
using CsvHelper;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>The members of a run side by side, as an object and as <c>summary.csv</c> and <c>summary.json</c>.</summary>
internal static class FamilySummary
{
    private static readonly string[] Columns = ["model", "target", "speedup", "speedup_spread", "quality", "quality_change", "milliseconds", "parameters", "size_mb", "path"];

    /// <summary>Makes the summary of a run whose stages are done, and its files.</summary>
    public static CompressionSummary Write(RunContext run, IReadOnlyList<Stage> stages)
    {
        var evaluations = stages.OfType<EvaluateStage>().Select(s => (s.Target, Measured: EvaluateStage.Measurement(run.FolderOf(s))!)).ToList();
        var dense = evaluations.Single(e => e.Target is null).Measured;
        var members = evaluations.Where(e => e.Target is not null).Select(e => new CompressionMember
        {
            Model = e.Measured.Model,
            Target = e.Target!.Value,
            Speedup = e.Measured.Speedup!.Value,
            SpeedupSpread = e.Measured.SpeedupSpread!.Value,
            Quality = e.Measured.Quality,
            QualityChange = e.Measured.Quality - dense.Quality,
            Milliseconds = e.Measured.Milliseconds,
            Parameters = e.Measured.Parameters,
            SizeMB = e.Measured.SizeMB,
            Path = Path.Combine(run.FamilyDirectory, e.Measured.Model),
        }).ToList();
        var line = FittedLine.Through([.. members.Select(m => (m.Speedup, m.Quality))]);
        var summary = new CompressionSummary
        {
            Recipe = run.Recipe.Name,
            Run = run.Directory,
            Metric = dense.Metric,
            Data = dense.Data,
            DenseQuality = dense.Quality,
            Members = members,
            Intercept = line?.Intercept,
            Slope = line is null ? null : -line.Slope,
            Residual = line?.Residual,
            CsvPath = Path.Combine(run.Directory, "summary.csv"),
            JsonPath = Path.Combine(run.Directory, "summary.json"),
        };
        JsonFile.Write(summary.JsonPath, StageJson.Of(summary).AsObject());
        AtomicFile.Write(summary.CsvPath, stream =>
        {
            using var csv = CsvWriter.Create(stream, new CsvWriterOptions(), leaveOpen: true);
            csv.WriteHeader(Columns);
            foreach (var m in members)
            {
                csv.WriteRecord(new object[] { m.Model, m.Target, m.Speedup, m.SpeedupSpread, m.Quality, m.QualityChange, m.Milliseconds, m.Parameters, m.SizeMB, m.Path }
                    .Select(v => Convert.ToString(v, CultureInfo.InvariantCulture)!).ToArray());
            }
        });
        return summary;
    }
}
