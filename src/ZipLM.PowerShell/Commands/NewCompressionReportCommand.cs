using System.Management.Automation;
using ZipLM.Engine.Reporting;

namespace ZipLM.PowerShell.Commands;

/// <summary>Writes measurements, models, learning curves and latency tables as one HTML page with its plots: it needs no network and no program but a browser, follows its light or dark setting, and can be printed.</summary>
/// <example>
///   <code>Get-Model bert, bert-2x, bert-4x | Measure-Model -Data $dev -Baseline (Get-Model bert) | New-CompressionReport ./family.html -WhatIf</code>
///   <para>Says what would be written.</para>
///   <code>What if: Performing the operation "Write a report of 3 objects" on target "/srv/data/family.html".</code>
/// </example>
/// <example>
///   <code>Invoke-CompressionRecipe ./bert.yaml -RunDirectory ./run | New-CompressionReport ./family.html -PassThru | ForEach-Object FullName</code>
///   <para>A whole run: its members' layers, and what it has measured and learnt. Get-CompressionRun ./run in place of the first command reports a run that is under way.</para>
///   <code>/srv/data/family.html</code>
/// </example>
/// <example>
///   <code>@($measured) + (Get-Model bert-2x, bert-4x) + $table | New-CompressionReport ./family.html -MetricsPath ./run -Title 'The family of bert' -Force -PassThru | ForEach-Object FullName</code>
///   <para>Adds the layers of each member, the latency table, and the learning curve that a training job has kept in its -CheckpointPath.</para>
///   <code>/srv/data/family.html</code>
/// </example>
[Cmdlet(VerbsCommon.New, "CompressionReport", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class NewCompressionReportCommand : EngineCommand
{
    private readonly List<ModelMeasurement> _measurements = [];
    private readonly List<Model> _models = [];
    private readonly List<TrainingMetric> _metrics = [];
    private readonly List<LatencyTable> _tables = [];
    private readonly List<string> _runs = [];
    private string _path = string.Empty;

    /// <summary>What to report, in any order: ModelMeasurement, Model, TrainingMetric and LatencyTable objects, metrics as the information stream brings them, and what Invoke-CompressionRecipe and Get-CompressionRun give, which stands for all that the run has measured. Metrics of a second run start where the step falls.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNull]
    public PSObject[]? InputObject { get; set; }

    /// <summary>The HTML file to write.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    [Alias("OutFile")]
    public string Path { get; set; } = string.Empty;

    /// <summary>Learning curves: folders that -CheckpointPath of a training named, or metrics.jsonl files; wildcards are allowed.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? MetricsPath { get; set; }

    /// <summary>The page's heading.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string Title { get; set; } = "Compression report";

    /// <summary>Overwrite a file that is there.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Pass the file on.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc />
    protected override void BeginProcessing()
    {
        try
        {
            _path = ResolvePath(Path);
            if (Directory.Exists(_path) || (File.Exists(_path) && !Force))
            {
                throw new ZipLMException("FileExists", ErrorKind.Exists, $"'{_path}' exists.", "Use -Force to overwrite a file, or give another name.", Path);
            }
        }
        catch (ZipLMException e)
        {
            ThrowTerminatingError(Errors.Record(e));
        }
    }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        foreach (var input in InputObject ?? [])
        {
            switch (input.BaseObject)
            {
                case ModelMeasurement measurement:
                    _measurements.Add(measurement);
                    break;
                case Model model:
                    _models.Add(model);
                    break;
                case TrainingMetric metric:
                    _metrics.Add(metric);
                    break;
                case LatencyTable table:
                    _tables.Add(table);
                    break;
                case InformationRecord { MessageData: var data } when PSObject.AsPSObject(data).BaseObject is TrainingMetric metric:
                    _metrics.Add(metric);
                    break;
                case InformationRecord:
                    // What a run says beside its curves.
                    break;
                case CompressionSummary { Run: var run }:
                    _runs.Add(run);
                    break;
                case CompressionStage { Run: var run }:
                    _runs.Add(run);
                    break;
                case var other:
                    WriteError(Errors.Record(new ZipLMException("ReportInputUnknown", ErrorKind.InvalidArgument,
                        $"A report shows no {other.GetType().Name}.", "Pipe what Measure-Model, Get-Model, Measure-LayerLatency, Invoke-CompressionRecipe or Get-CompressionRun give; a training's curve is in the folder that -CheckpointPath named: -MetricsPath.", other)));
                    break;
            }
        }
    }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        var files = MetricsPath is null ? [] : ResolveFiles(MetricsPath, literal: false).ToList();
        var runs = _runs.Distinct(StringComparer.Ordinal).ToList();
        var count = _measurements.Count + _models.Count + _metrics.Count + _tables.Count + runs.Count + files.Count;
        if (count > 0 && !ShouldProcess(_path, $"Write a report of {count} objects"))
        {
            return;
        }

        var written = false;
        Run(Path, (_, _) =>
        {
            var figures = runs.ConvertAll(RunFigures.Read);
            new CompressionReport
            {
                Title = Title,
                Measurements = [.. _measurements, .. figures.SelectMany(f => f.Measurements)],
                Models = _models,
                Curves = [.. LearningCurve.Split(_metrics), .. files.Select(LearningCurve.Read), .. figures.SelectMany(f => f.Curves)],
                Tables = _tables,
            }.Write(_path);
            written = true;
        });
        if (written && PassThru)
        {
            WriteObject(new FileInfo(_path));
        }
    }
}
