namespace ZipLM;

/// <summary>The half of a transformer block that is pruned as one unit of the search.</summary>
public enum Sublayer
{
    /// <summary>Self-attention; a level is a number of heads.</summary>
    Attention,

    /// <summary>The feed-forward network; a level is a width (intermediate columns).</summary>
    FeedForward,
}
