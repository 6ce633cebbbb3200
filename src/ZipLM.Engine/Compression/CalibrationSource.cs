using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Compression;

/// <summary>Which data a model is calibrated on when the user does not say.</summary>
internal static class CalibrationSource
{
    /// <summary>What was given · what the model's directory records · the session's · WikiText-2 from the hub · an error that says how to give it.</summary>
    public static TextDataset Resolve(TransformerModel model, TextDataset? given, Func<HubSettings> hub, IReporter reporter, CancellationToken cancellationToken)
    {
        if (given is not null)
        {
            return given;
        }

        if (model.Record.TrainingData is { } recorded)
        {
            if (!File.Exists(recorded.Path) && model.Session.CalibrationData is { } instead)
            {
                reporter.Verbose($"{recorded.Path}, which the model's directory records, is no longer there; calibrating on the session's {instead.Name}.");
                return instead;
            }

            reporter.Verbose($"Calibrating on {recorded.Path}, which the model's directory records.");
            return RecordedData.Read(model, recorded, "-CalibrationData");
        }

        return model.Session.CalibrationData ?? FromHub(model, hub, reporter, cancellationToken);
    }

    /// <summary>Wikipedia articles that suit any language model of English; the rows without text are headings' margins.</summary>
    private static TextDataset FromHub(TransformerModel model, Func<HubSettings> hub, IReporter reporter, CancellationToken cancellationToken)
    {
        try
        {
            string file = Fetch(hub(), reporter, cancellationToken).GetAwaiter().GetResult();
            var articles = TextDatasetReader.Read(TextDatasetReader.Describe(file));
            reporter.Warning($"Calibrating '{model.Name}' on WikiText-2 from the hub, because neither the model's directory nor the session names data. Text of its own task serves it better: -CalibrationData.");
            return new("wikitext-2", [.. articles.Examples.Where(row => !string.IsNullOrWhiteSpace(row.Text))], [], articles.Reference);
        }
        catch (ZipLMException e)
        {
            throw new ZipLMException("CalibrationDataMissing", ErrorKind.NotFound,
                $"There is no calibration data for '{model.Name}': its directory records none, and the session has none. WikiText-2 from the hub would do: {e.Message}",
                "Give some text with -CalibrationData (Import-TextDataset data.tsv), or once for the session with Connect-GpuSession -CalibrationData. Labels are not needed.",
                model, e);
        }
    }

    private static async Task<string> Fetch(HubSettings hub, IReporter reporter, CancellationToken cancellationToken)
    {
        HubDataset data = await HubDataset.FindAsync(hub, "Salesforce/wikitext", null, "wikitext-2-raw-v1", "train", reporter, cancellationToken).ConfigureAwait(false);
        return await data.GetAsync(data.Files[0], reporter, cancellationToken).ConfigureAwait(false);
    }
}
