namespace ZipLM.Engine.Data;

/// <summary>Which pieces of text get a space before them.</summary>
internal enum PrefixScheme
{
    /// <summary>None.</summary>
    Never,

    /// <summary>The one at the very beginning.</summary>
    First,

    /// <summary>Also those that begin after a special token or an earlier split.</summary>
    Always,
}
