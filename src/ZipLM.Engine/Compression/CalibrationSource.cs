using ZipLM.Engine.Models;

namespace ZipLM.Engine.Compression;

/// <summary>Which data a model is calibrated on when the user does not say.</summary>
internal static class CalibrationSource
{
    /// <summary>What was given · what the model's directory records · the session's · an error that says how to give it.</summary>
    public static TextDataset Resolve(TransformerModel model, TextDataset? given, IReporter reporter)
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

        return model.Session.CalibrationData ?? throw new ZipLMException("CalibrationDataMissing", ErrorKind.NotFound,
            $"There is no calibration data for '{model.Name}': its directory records none, and the session has none.",
            "Give some text with -CalibrationData (Import-TextDataset data.tsv), or once for the session with Connect-GpuSession -CalibrationData. Labels are not needed.",
            model);
    }
}
