using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace ZipLM;

/// <summary>Measured time of every sublayer at every level, in one environment.</summary>
public sealed class LatencyTable
{
    private readonly Dictionary<(Sublayer, int), double> _milliseconds;

    /// <summary>Makes a table from measured times.</summary>
    /// <param name="model">The model that was measured; binds from the pipeline.</param>
    /// <param name="environment">What the times are true for.</param>
    /// <param name="levels">The time of each sublayer at each level, dropped (0) and full included.</param>
    /// <param name="restMilliseconds">Embeddings and head, in ms.</param>
    /// <param name="denseMilliseconds">The dense model end to end, in ms.</param>
    /// <param name="rounds">Interleaved rounds that were measured.</param>
    public LatencyTable(
        Model model, InferenceEnvironment environment, IReadOnlyList<LatencyLevel> levels,
        double restMilliseconds, double denseMilliseconds, int rounds)
    {
        ArgumentNullException.ThrowIfNull(levels);
        Model = model;
        Environment = environment;
        Levels = levels.Indexable();
        RestMilliseconds = restMilliseconds;
        DenseMilliseconds = denseMilliseconds;
        Rounds = rounds;
        _milliseconds = levels.ToDictionary(l => (l.Sublayer, l.Level), l => l.Milliseconds);
    }

    /// <summary>The model that was measured.</summary>
    public Model Model { get; }

    /// <summary>What the times are true for.</summary>
    public InferenceEnvironment Environment { get; }

    /// <summary>Time of each sublayer at each level.</summary>
    public IReadOnlyList<LatencyLevel> Levels { get; }

    /// <summary>Embeddings and head, in ms.</summary>
    public double RestMilliseconds { get; }

    /// <summary>The dense model end to end, in ms.</summary>
    public double DenseMilliseconds { get; }

    /// <summary>Interleaved rounds that were measured.</summary>
    public int Rounds { get; }

    /// <summary>Names this table: environment, levels and times.</summary>
    public string Fingerprint
    {
        get
        {
            var text = new StringBuilder(Environment.Fingerprint);
            foreach (var level in Levels)
            {
                text.Append(CultureInfo.InvariantCulture, $"|{level.Sublayer}:{level.Level}:{level.Milliseconds:R}");
            }

            text.Append(CultureInfo.InvariantCulture, $"|{RestMilliseconds:R}|{DenseMilliseconds:R}");
            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..12];
        }
    }

    /// <summary>Levels that were measured for one kind of sublayer, falling.</summary>
    public IReadOnlyList<int> LevelsOf(Sublayer sublayer) =>
        Levels.Where(l => l.Sublayer == sublayer).Select(l => l.Level).OrderDescending().ToList();

    /// <summary>Time of a sublayer at a level, in ms.</summary>
    /// <exception cref="ZipLMException">The level was not measured.</exception>
    public double Milliseconds(Sublayer sublayer, int level) =>
        _milliseconds.TryGetValue((sublayer, level), out var time)
            ? time
            : throw new ZipLMException("LatencyLevelMissing", ErrorKind.InvalidData,
                $"The latency table has no time for {sublayer} at level {level}.",
                "Measure the table again for this model with Measure-LayerLatency.", this);

    /// <summary>Predicted time of a model of these shapes: T_rest + Σ T_attention[heads] + Σ T_ffn[width], in ms.</summary>
    public double Predict(IEnumerable<LayerShape> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        return RestMilliseconds + layers.Sum(l =>
            Milliseconds(Sublayer.Attention, l.Heads) + Milliseconds(Sublayer.FeedForward, l.Width));
    }
}
