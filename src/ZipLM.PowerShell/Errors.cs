using System.Management.Automation;

namespace ZipLM.PowerShell;

/// <summary>Turns exceptions into error records: a stable id, a category, the user's own input as target, a recommended action.</summary>
internal static class Errors
{
    /// <summary>Tag of the information records of this module.</summary>
    public const string InformationTag = "ZipLM";

    public static ErrorRecord Record(Exception exception)
    {
        if (exception is not ZipLMException known)
        {
            return new(exception, "ZipLM.Unexpected", ErrorCategory.NotSpecified, null)
            {
                ErrorDetails = new(exception.Message)
                {
                    RecommendedAction = "This is a fault of ZipLM: please report it with the output of Get-Error.",
                },
            };
        }

        return new(known, known.ErrorId, Category(known.Kind), known.Target)
        {
            ErrorDetails = new($"{known.Message} {known.Remedy}") { RecommendedAction = known.Remedy },
        };
    }

    /// <summary>True for errors after which other models of the same pipeline would fail too.</summary>
    public static bool EndsCommand(Exception exception) => exception is ZipLMException { Kind: ErrorKind.ResourceUnavailable };

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
