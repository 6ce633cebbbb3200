using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Latency;

/// <summary>
/// What a latency table is measured from: the dense model, the one whose sublayers are all dropped, and one stack of equal
/// sublayers for each level. A sublayer that runs alone again and again finds its own weights in the caches; in a stack it
/// finds others' there, as it does in a model.
/// </summary>
internal sealed class LatencyCases : IDisposable
{
    /// <summary>All stacks are in memory at once.</summary>
    private const long MostBytes = 2_000_000_000;

    private const int BytesPerWeight = 4;

    /// <summary>So few words that no stack brings much of an embedding along.</summary>
    private const int Words = 32;

    private readonly List<ForwardPass> _passes = [];

    /// <summary>Loads them; runs on the session's worker thread.</summary>
    /// <param name="grid">The levels of a kind of sublayer.</param>
    public LatencyCases(
        TorchSession session, ModelDescription description, Func<Sublayer, IReadOnlyList<int>> grid, ForwardTimer timer,
        IReporter reporter, CancellationToken cancellationToken)
    {
        Levels = [.. Enum.GetValues<Sublayer>().SelectMany(s => grid(s).Where(level => level > 0).Select(level => (s, level)))];
        var stack = description with
        {
            VocabularySize = Words,
            MaximumSequenceLength = Generation.Positions(timer.Environment.SequenceLength, timer.Environment.GeneratedTokens),
            Task = ModelTask.FeatureExtraction,
        };
        Depth = Math.Clamp((int)(MostBytes / Math.Max(Levels.Sum(l => Bytes(Alone(stack, l, 2)) - Bytes(Alone(stack, l, 1))), 1)), 1, description.Layers.Count);
        List<ModelDescription> wanted = [description.Dense, description.Uniform(0, 0), description with { Layers = [] }, Alone(stack, (Sublayer.Attention, 0), Depth), .. Levels.Select(l => Alone(stack, l, Depth))];
        session.MakeRoom(wanted.Sum(w => Bytes(w)), reporter);
        try
        {
            foreach (var shaped in wanted)
            {
                // Time does not depend on the values of the weights, so none of the model's are needed.
                _passes.Add(timer.Load(RandomModel.Create(shaped, session, cancellationToken), owned: true));
                reporter.Progress(new("Making levels", $"level {_passes.Count} of {wanted.Count}", _passes.Count, wanted.Count, Completed: _passes.Count == wanted.Count));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The levels above "dropped", attention's first.</summary>
    public IReadOnlyList<(Sublayer Sublayer, int Level)> Levels { get; }

    /// <summary>Layers of a stack.</summary>
    public int Depth { get; }

    /// <summary>How many of <see cref="Passes"/> come before the stacks of levels.</summary>
    public const int Anchors = 4;

    /// <summary>The dense model, the empty model, the model without layers, the stack of dropped sublayers, and the stack of each of <see cref="Levels"/>.</summary>
    public IReadOnlyList<ForwardPass> Passes => _passes;

    public void Dispose() => _passes.ForEach(p => p.Dispose());

    /// <summary>A stack that has one kind of sublayer only, all at one level.</summary>
    private static ModelDescription Alone(ModelDescription description, (Sublayer Sublayer, int Level) level, int depth)
    {
        var (heads, width) = level.Sublayer == Sublayer.Attention ? (level.Level, 0) : (0, level.Level);
        return description with { Layers = [.. Enumerable.Range(0, depth).Select(layer => new LayerShape(layer, heads, width))] };
    }

    private static long Bytes(ModelDescription description) =>
        description.Family.Tensors(description).Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)) * BytesPerWeight;
}
