using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Pruning;

namespace ZipLM.Engine.Tests;

/// <summary>A latency table that was never measured, for plans that do not hang on how fast this machine is just now.</summary>
internal static class MadeUpTable
{
    private const int Length = 16;

    /// <summary>1 ms of rest; an attention takes 0.1 ms and 0.725 ms a head, a feed-forward 0.1 ms and 2.9 ms / 24 a column.</summary>
    public static LatencyTable Of(TransformerModel model, Func<InferenceEnvironment, InferenceEnvironment>? change = null)
    {
        using var timer = new ForwardTimer(model.Session, model.Description, 1, Length);
        var levels = Enum.GetValues<Sublayer>().SelectMany(s =>
        {
            var dense = s == Sublayer.Attention ? model.DenseHeads : model.DenseWidth;
            return LevelGrid.Of(s, dense).Select(l => new LatencyLevel(s, l, 0.1 + (2.9 * l / dense), 0));
        }).ToList();
        return new(model, change?.Invoke(timer.Environment) ?? timer.Environment, levels, 1, 1 + (model.Layers.Count * 6), 10);
    }
}
