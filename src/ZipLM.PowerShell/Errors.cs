using System.Management.Automation;
using System.Runtime.InteropServices;
using ZipLM.Engine.Runtime;

namespace ZipLM.PowerShell;

/// <summary>Turns exceptions into error records: a stable id, a category, the user's own input as target, a recommended action.</summary>
internal static class Errors
{
    /// <summary>Tag of the information records of this module.</summary>
    public const string InformationTag = "ZipLM";

    /// <param name="input">What the user gave: the target where the exception names none.</param>
    public static ErrorRecord Record(Exception exception, object? input = null)
    {
        if (Known(exception) is not { } known)
        {
            return new(exception, "ZipLM.Unexpected", ErrorCategory.NotSpecified, input)
            {
                ErrorDetails = new(exception.Message)
                {
                    RecommendedAction = "This is a fault of ZipLM: please report it with the output of Get-Error.",
                },
            };
        }

        return new(known, known.ErrorId, Category(known.Kind), known.Target ?? input)
        {
            ErrorDetails = new($"{known.Message} {known.Remedy}") { RecommendedAction = known.Remedy },
        };
    }

    /// <summary>True for errors after which other models of the same pipeline would fail too.</summary>
    public static bool EndsCommand(Exception exception) => Known(exception) is { Kind: ErrorKind.ResourceUnavailable };

    /// <summary>The exception itself when it is ours, and what torch says when memory runs out; else null.</summary>
    private static ZipLMException? Known(Exception exception) => exception switch
    {
        ZipLMException known => known,
        OutOfMemoryException => MemoryExhausted(exception),
        ExternalException when OutOfMemory.Is(exception) => MemoryExhausted(exception),
        ExternalException when DeviceLost.Is(exception) => DeviceLost.Error(exception, "while it computed", null),
        _ => null,
    };

    private static ZipLMException MemoryExhausted(Exception exception) => new(
        "MemoryExhausted", ErrorKind.ResourceUnavailable, $"Memory ran out: {exception.Message.Split('\n')[0]}",
        "Use a smaller -BatchSize or shorter sequences, or free models with Disconnect-GpuSession.", null, exception);

    private static ErrorCategory Category(ErrorKind kind) => kind switch
    {
        ErrorKind.InvalidArgument => ErrorCategory.InvalidArgument,
        ErrorKind.InvalidData => ErrorCategory.InvalidData,
        ErrorKind.NotFound => ErrorCategory.ObjectNotFound,
        ErrorKind.Exists => ErrorCategory.ResourceExists,
        ErrorKind.InvalidOperation => ErrorCategory.InvalidOperation,
        ErrorKind.ResourceUnavailable => ErrorCategory.ResourceUnavailable,
        _ => ErrorCategory.NotSpecified,
    };
}
