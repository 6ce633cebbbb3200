namespace ZipLM;

/// <summary>Whether a model could be had again from a file.</summary>
public enum ModelState
{
    /// <summary>In memory only; Export-Model saves it.</summary>
    NotSaved,

    /// <summary>On disk.</summary>
    Saved,

    /// <summary>Freed; it can no longer be used.</summary>
    Disposed,
}
