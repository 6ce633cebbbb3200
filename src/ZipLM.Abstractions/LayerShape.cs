namespace ZipLM;

/// <summary>How much of one block is left.</summary>
/// <param name="Layer">The block, counted from 0.</param>
/// <param name="Heads">Attention heads left; 0 = the attention sublayer is dropped.</param>
/// <param name="Width">Feed-forward columns left; 0 = the feed-forward sublayer is dropped.</param>
public sealed record LayerShape(int Layer, int Heads, int Width)
{
    /// <summary>The level of one of the two sublayers: heads or width.</summary>
    public int Level(Sublayer sublayer) => sublayer == Sublayer.Attention ? Heads : Width;

    /// <inheritdoc />
    public override string ToString() => $"{Heads}/{Width}";
}
