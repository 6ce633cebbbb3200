using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Pruning;

/// <summary>Statistics of every output matrix of a model over calibration data, in memory or in the files of a directory.</summary>
internal sealed class CalibrationStatistics : IDisposable
{
    private readonly Dictionary<(int Layer, Sublayer Sublayer), SublayerStatistics> _statistics = [];

    private CalibrationStatistics()
    {
    }

    public SublayerStatistics this[int layer, Sublayer sublayer] => _statistics[(layer, sublayer)];

    /// <summary>Bytes that the statistics of all blocks take in memory.</summary>
    public static long Bytes(Transformer model) => model.Blocks.Sum(Bytes);

    /// <summary>Runs the batches through the model and sums up the inputs of its output matrices, in memory.</summary>
    /// <exception cref="ZipLMException">The data holds no token, or the model's activations are not finite.</exception>
    public static CalibrationStatistics Collect(Transformer model, IEnumerable<Batch> batches, CancellationToken cancellationToken) =>
        Collect(model, model.Blocks, batches, cancellationToken);

    /// <summary>
    /// The same in files: as many neighbouring blocks at a time as memory allows. Each lot runs the batches through the blocks
    /// before it once more; nothing but sums is ever kept.
    /// </summary>
    /// <param name="batches">Gives the same batches each time that it is gone through.</param>
    /// <param name="memory">Bytes for sums at a time; one block is always taken.</param>
    /// <exception cref="ZipLMException">The data holds no token, the activations are not finite, or the files cannot be written.</exception>
    public static CalibrationStatistics Collect(
        Transformer model, IEnumerable<Batch> batches, StatisticsDirectory directory, long memory, CancellationToken cancellationToken)
    {
        directory.Fill(() =>
        {
            foreach (var lot in Lots(model.Blocks, memory))
            {
                using var part = Collect(model, lot, batches, cancellationToken);
                foreach (var ((layer, sublayer), statistics) in part._statistics)
                {
                    directory.Write(layer, sublayer, statistics, cancellationToken);
                }
            }
        });
        return Open(model, directory, cancellationToken);
    }

    /// <summary>Statistics that were taken before; each sum is read when it is asked for.</summary>
    /// <exception cref="ZipLMException">A file is missing or damaged.</exception>
    public static CalibrationStatistics Open(Transformer model, StatisticsDirectory directory, CancellationToken cancellationToken)
    {
        var statistics = new CalibrationStatistics();
        foreach (var (layer, sublayer, output) in Outputs(model.Blocks))
        {
            statistics._statistics.Add((layer, sublayer), directory.Open(layer, sublayer, Columns(output), output.Weight.device, cancellationToken));
        }

        return statistics;
    }

    /// <summary>Adds what another worker took of the same model from other batches.</summary>
    public void Add(CalibrationStatistics other)
    {
        foreach (var (key, statistics) in _statistics)
        {
            statistics.Add(other._statistics[key]);
        }
    }

    public void Dispose()
    {
        foreach (var statistics in _statistics.Values)
        {
            statistics.Dispose();
        }
    }

    private static CalibrationStatistics Collect(
        Transformer model, IReadOnlyList<Block> blocks, IEnumerable<Batch> batches, CancellationToken cancellationToken)
    {
        var statistics = new CalibrationStatistics();
        try
        {
            foreach (var (layer, sublayer, output) in Outputs(blocks))
            {
                statistics._statistics.Add((layer, sublayer), new(Columns(output), output.Weight.device));
            }

            var number = 0;
            foreach (var batch in batches)
            {
                using var gradients = no_grad();
                using var scope = NewDisposeScope();
                using (batch)
                {
                    number++;
                    var mask = batch.IsPadded ? batch.Mask : null;
                    model.Forward(batch, new()
                    {
                        LastLayer = blocks[^1].Layer,
                        Head = false,
                        Observe = (layer, sublayer, input) =>
                        {
                            // A batch through a large model takes seconds: this is looked at in each sublayer.
                            cancellationToken.ThrowIfCancellationRequested();
                            if (statistics._statistics.GetValueOrDefault((layer, sublayer))?.Add(input, mask) == false)
                            {
                                throw NotFinite(layer, sublayer, number);
                            }
                        },
                    });
                }
            }

            return statistics._statistics.Values.All(s => s.Tokens > 0) ? statistics : throw new ZipLMException("CalibrationEmpty", ErrorKind.InvalidData,
                "The calibration data holds no token.", "Give a data set whose texts are not empty.");
        }
        catch
        {
            statistics.Dispose();
            throw;
        }
    }

    private static IEnumerable<IReadOnlyList<Block>> Lots(IReadOnlyList<Block> blocks, long memory)
    {
        var (lot, bytes) = (new List<Block>(), 0L);
        foreach (var block in blocks)
        {
            if (lot.Count > 0 && bytes + Bytes(block) > memory)
            {
                yield return lot;
                (lot, bytes) = ([], 0);
            }

            lot.Add(block);
            bytes += Bytes(block);
        }

        yield return lot;
    }

    private static IEnumerable<(int Layer, Sublayer Sublayer, Linear Output)> Outputs(IEnumerable<Block> blocks)
    {
        foreach (var block in blocks)
        {
            if (block.Attention is { Output: var attention })
            {
                yield return (block.Layer, Sublayer.Attention, attention);
            }

            if (block.FeedForward is { Output: var feedForward })
            {
                yield return (block.Layer, Sublayer.FeedForward, feedForward);
            }
        }
    }

    private static long Bytes(Block block) => Outputs([block]).Sum(o => (long)Columns(o.Output) * Columns(o.Output) * sizeof(double));

    private static int Columns(Linear output) => (int)output.Weight.shape[1];

    private static ZipLMException NotFinite(int layer, Sublayer sublayer, int batch) => new("CalibrationNotFinite", ErrorKind.InvalidData,
        $"The input of the {sublayer} output matrix of layer {layer} holds NaN or infinite values, first in batch {batch} of the calibration data.",
        "The model's weights are damaged, or the precision is too small for them: use another checkpoint or -Precision Float32.");
}
