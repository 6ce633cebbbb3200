namespace ZipLM.Engine.Runtime;

/// <summary>
/// Something whose weights a session keeps in memory. The session stands above the models in the order of the rooms,
/// so this is how it sees them.
/// </summary>
internal interface IResident
{
    /// <summary>The handle that users see.</summary>
    Model Handle { get; }

    /// <summary>Bytes of its weights in memory; 0 when they are not.</summary>
    long ResidentBytes { get; }

    /// <summary>True when the weights can be read again from a file.</summary>
    bool CanEvict { get; }

    /// <summary>Rises with every use: the smallest was used longest ago.</summary>
    long LastUse { get; }

    /// <summary>Frees the weights.</summary>
    void Evict();
}
