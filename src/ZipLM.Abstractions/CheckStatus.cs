namespace ZipLM;

/// <summary>How a check ended.</summary>
public enum CheckStatus
{
    /// <summary>It works.</summary>
    Passed,

    /// <summary>It works with a restriction.</summary>
    Warning,

    /// <summary>It does not work.</summary>
    Failed,
}
