namespace ZipLM;

/// <summary>What kind of thing went wrong; the module maps it to an error category.</summary>
public enum ErrorKind
{
    /// <summary>A parameter's value cannot be used.</summary>
    InvalidArgument,

    /// <summary>A file or a data set holds something wrong.</summary>
    InvalidData,

    /// <summary>What was named does not exist.</summary>
    NotFound,

    /// <summary>It exists already and may not be replaced.</summary>
    Exists,

    /// <summary>The operation does not fit the state of the object.</summary>
    InvalidOperation,

    /// <summary>A device, memory, disk or library is missing or exhausted.</summary>
    ResourceUnavailable,
}
