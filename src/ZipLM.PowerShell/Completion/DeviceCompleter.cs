using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace ZipLM.PowerShell.Completion;

/// <summary>Completes -Device from names already known: CUDA devices by what the driver lists, without loading torch.</summary>
public sealed class DeviceCompleter : IArgumentCompleter
{
    /// <inheritdoc />
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var word = wordToComplete.Trim('\'', '"');
        return Devices().Where(d => d.StartsWith(word, StringComparison.OrdinalIgnoreCase))
            .Select(d => new CompletionResult(d, d, CompletionResultType.ParameterValue, d));
    }

    private static IEnumerable<string> Devices()
    {
        const string driver = "/proc/driver/nvidia/gpus";
        var count = Directory.Exists(driver) ? Directory.GetDirectories(driver).Length : 0;
        return ["auto", "cpu", .. Enumerable.Range(0, count).Select(i => $"cuda:{i}")];
    }
}
