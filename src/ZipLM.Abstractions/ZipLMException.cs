namespace ZipLM;

/// <summary>An error that a user can understand and act on.</summary>
public sealed class ZipLMException : Exception
{
    /// <summary>Makes an error.</summary>
    /// <param name="errorId">Stable id, without the prefix: <c>ModelNotFound</c> becomes <c>ZipLM.ModelNotFound</c>.</param>
    /// <param name="kind">What kind of thing went wrong.</param>
    /// <param name="message">What is wrong, and where.</param>
    /// <param name="remedy">What to do about it.</param>
    /// <param name="target">The user's own input that caused it.</param>
    /// <param name="inner">The cause.</param>
    public ZipLMException(string errorId, ErrorKind kind, string message, string remedy, object? target = null, Exception? inner = null)
        : base(message, inner)
    {
        ErrorId = "ZipLM." + errorId;
        Kind = kind;
        Remedy = remedy;
        Target = target;
    }

    /// <summary>Stable id: <c>ZipLM.</c>, the thing, the reason.</summary>
    public string ErrorId { get; }

    /// <summary>What kind of thing went wrong.</summary>
    public ErrorKind Kind { get; }

    /// <summary>What to do about it.</summary>
    public string Remedy { get; }

    /// <summary>The user's own input that caused it, or null.</summary>
    public object? Target { get; }
}
