using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Compression;

/// <summary>Measure-LayerLatency: a latency table of a model on its session's device.</summary>
public static class LatencyFlow
{
    /// <summary>Rows that the typical length is taken from, unless said otherwise.</summary>
    private const int DefaultSamples = 256;

    /// <summary>Measures a table.</summary>
    /// <param name="sequenceLength">Tokens a sequence; null = the 95th percentile of the model's calibration data, or as much of it as leaves positions to the generated ones.</param>
    /// <param name="rounds">Interleaved rounds, ≥ 1; null = until what counts is known within 2 %.</param>
    /// <param name="choice">What executes the model; null = torch.</param>
    /// <param name="generatedTokens">Tokens that are written one by one after a prompt of <paramref name="sequenceLength"/>; 0 = one forward pass is timed.</param>
    public static LatencyTable Run(
        Model model, TextDataset? calibrationData, int batchSize, int? sequenceLength, int? rounds, IReporter reporter, CancellationToken cancellationToken,
        RuntimeChoice? choice = null, int generatedTokens = 0)
    {
        var own = TransformerModel.Of(model);
        choice?.Require();
        var length = sequenceLength ?? Generation.Prompt(
            new Calibration(own, calibrationData, DefaultSamples, reporter, cancellationToken).TypicalLength, generatedTokens, own.MaximumSequenceLength);
        return own.Session.Run(() =>
        {
            using var timer = new ForwardTimer(own.Session, own.Description, batchSize, length, choice, generatedTokens);
            return Measure(own, timer, rounds, reporter, cancellationToken);
        }, reporter, cancellationToken);
    }

    internal static LatencyTable Measure(TransformerModel model, ForwardTimer timer, int? rounds, IReporter reporter, CancellationToken cancellationToken) =>
        new LatencyTableBuilder(model.Session, reporter).Build(
            model, model.Description, sublayer => LevelGrid.Of(sublayer, sublayer == Sublayer.Attention ? model.DenseHeads : model.DenseWidth),
            timer, rounds, cancellationToken);
}
