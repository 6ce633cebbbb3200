using System.Management.Automation;
using System.Text;

namespace ZipLM.Host;

/// <summary>An error as a person reads it: what is wrong, what to do, its id, and where in the script.</summary>
internal static class ErrorText
{
    public static string Of(ErrorRecord error)
    {
        string message = error.ErrorDetails?.Message ?? error.Exception.Message;
        var text = new StringBuilder("Error: ").Append(message);
        // This module's messages end with it, because pwsh shows nothing but the message.
        if (error.ErrorDetails?.RecommendedAction is { Length: > 0 } action && !message.EndsWith(action, StringComparison.Ordinal))
            text.Append("\n  What to do: ").Append(action);

        // The engine appends the command's class to the id; a thrown text is its own id.
        if (error.FullyQualifiedErrorId != message)
            text.Append("\n  Id: ").Append(error.FullyQualifiedErrorId.Split(',')[0]);
        if (error.InvocationInfo is { ScriptLineNumber: > 0, Line: var line } at && !string.IsNullOrWhiteSpace(line))
        {
            string script = string.IsNullOrEmpty(at.ScriptName) ? "line " : Path.GetFileName(at.ScriptName) + ":";
            text.Append("\n  At ").Append(script).Append(at.ScriptLineNumber).Append(": ").Append(line.Trim());
        }

        return text.ToString();
    }
}
