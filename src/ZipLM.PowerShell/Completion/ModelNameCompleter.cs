using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using ZipLM.Engine.Storage;

namespace ZipLM.PowerShell.Completion;

/// <summary>Completes model names from the store, the hub's local cache and the aliases; reads no file.</summary>
public sealed class ModelNameCompleter : IArgumentCompleter
{
    /// <inheritdoc />
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var word = wordToComplete.Trim('\'', '"');
        return ModelLocator.Default().KnownNames()
            .Where(n => n.StartsWith(word, StringComparison.OrdinalIgnoreCase))
            .Select(n => new CompletionResult(n, n, CompletionResultType.ParameterValue, n));
    }
}
