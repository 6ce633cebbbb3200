namespace ZipLM;

/// <summary>Measured time of one sublayer at one level.</summary>
/// <param name="Sublayer">Attention or feed-forward.</param>
/// <param name="Level">Heads or width; 0 = dropped.</param>
/// <param name="Milliseconds">Time in a model, in ms.</param>
/// <param name="Spread">Half the 95 % confidence interval of that time, as a share of it; 0 where the time is 0.</param>
public sealed record LatencyLevel(Sublayer Sublayer, int Level, double Milliseconds, double Spread);
