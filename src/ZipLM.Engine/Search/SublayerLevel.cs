namespace ZipLM.Engine.Search;

/// <summary>One level that a sublayer may have.</summary>
/// <param name="Level">Heads or width.</param>
/// <param name="Milliseconds">Its time, from the latency table.</param>
/// <param name="Cost">What it costs in accuracy: c·√p.</param>
internal readonly record struct SublayerLevel(int Level, double Milliseconds, double Cost);
