using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>Statistics of every output matrix of a model over calibration data.</summary>
internal sealed class CalibrationStatistics : IDisposable
{
    private readonly Dictionary<(int Layer, Sublayer Sublayer), SublayerStatistics> _statistics = [];

    private CalibrationStatistics()
    {
    }

    public SublayerStatistics this[int layer, Sublayer sublayer] => _statistics[(layer, sublayer)];

    /// <summary>Runs the batches through the model and sums up the inputs of its output matrices.</summary>
    /// <exception cref="ZipLMException">The data holds no token, or the model's activations are not finite.</exception>
    public static CalibrationStatistics Collect(Transformer model, IEnumerable<Batch> batches, CancellationToken cancellationToken)
    {
        var statistics = new CalibrationStatistics();
        try
        {
            foreach (var block in model.Blocks)
            {
                statistics.Add(block.Layer, Sublayer.Attention, block.Attention?.Output);
                statistics.Add(block.Layer, Sublayer.FeedForward, block.FeedForward?.Output);
            }

            foreach (var batch in batches)
            {
                using var gradients = no_grad();
                using var scope = NewDisposeScope();
                using (batch)
                {
                    var mask = batch.IsPadded ? batch.Mask : null;
                    model.Forward(batch, new()
                    {
                        Head = false,
                        Observe = (layer, sublayer, input) =>
                        {
                            // A batch through a large model takes seconds: this is looked at in each sublayer.
                            cancellationToken.ThrowIfCancellationRequested();
                            statistics._statistics[(layer, sublayer)].Add(input, mask);
                        },
                    });
                }
            }

            statistics.Check();
            return statistics;
        }
        catch
        {
            statistics.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var statistics in _statistics.Values)
        {
            statistics.Dispose();
        }
    }

    private void Add(int layer, Sublayer sublayer, Linear? output)
    {
        if (output is not null)
        {
            _statistics.Add((layer, sublayer), new((int)output.Weight.shape[1], output.Weight.device));
        }
    }

    private void Check()
    {
        foreach (var ((layer, sublayer), statistics) in _statistics)
        {
            if (statistics.Tokens == 0)
            {
                throw new ZipLMException("CalibrationEmpty", ErrorKind.InvalidData,
                    "The calibration data holds no token.", "Give a data set whose texts are not empty.");
            }

            using var scope = NewDisposeScope();
            if (!statistics.Hessian().isfinite().all().item<bool>())
            {
                throw new ZipLMException("CalibrationNotFinite", ErrorKind.InvalidData,
                    $"The input of the {sublayer} output matrix of layer {layer} holds NaN or infinite values.",
                    "The model's weights are damaged, or the precision is too small for them: use another checkpoint or -Precision Float32.");
            }
        }
    }
}
