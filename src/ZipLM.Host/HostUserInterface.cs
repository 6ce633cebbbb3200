using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Management.Automation.Internal;
using System.Security;

namespace ZipLM.Host;

/// <summary>Output on standard output; errors, warnings and the other streams on standard error; progress on a terminal.</summary>
internal sealed class HostUserInterface : PSHostUserInterface
{
    private readonly ProgressBars? _progress = ProgressBars.ForTerminal();
    private readonly Lock _lock = new();

    /// <inheritdoc/>
    public override PSHostRawUserInterface RawUI { get; } = new HostRawUserInterface();

    /// <inheritdoc/>
    public override bool SupportsVirtualTerminal => !Console.IsOutputRedirected;

    /// <summary>Takes the bars off the terminal.</summary>
    public void EndProgress() => _progress?.Clear();

    /// <inheritdoc/>
    public override void Write(string value) => Print(Console.Out, Console.IsOutputRedirected, value, null);

    /// <inheritdoc/>
    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) =>
        Print(Console.Out, Console.IsOutputRedirected, value, foregroundColor);

    /// <inheritdoc/>
    public override void WriteLine(string value) => Write(value + "\n");

    /// <inheritdoc/>
    public override void WriteErrorLine(string value) => PrintAside(value, ConsoleColor.Red);

    /// <inheritdoc/>
    public override void WriteWarningLine(string message) => PrintAside("Warning: " + message, ConsoleColor.Yellow);

    /// <inheritdoc/>
    public override void WriteVerboseLine(string message) => PrintAside("Verbose: " + message, ConsoleColor.DarkGray);

    /// <inheritdoc/>
    public override void WriteDebugLine(string message) => PrintAside("Debug: " + message, ConsoleColor.DarkGray);

    /// <inheritdoc/>
    public override void WriteProgress(long sourceId, ProgressRecord record) => _progress?.Show(sourceId, record);

    /// <inheritdoc/>
    public override string ReadLine()
    {
        EndProgress();
        return Console.ReadLine() ?? throw new HostException("There is no more input.");
    }

    /// <inheritdoc/>
    public override SecureString ReadLineAsSecureString()
    {
        RequireTerminal("A secret");
        EndProgress();
        var secret = new SecureString();
        while (Console.ReadKey(intercept: true) is var key && key.Key != ConsoleKey.Enter)
        {
            if (key.Key != ConsoleKey.Backspace)
                secret.AppendChar(key.KeyChar);
            else if (secret.Length > 0)
                secret.RemoveAt(secret.Length - 1);
        }

        Console.WriteLine();
        return secret;
    }

    /// <inheritdoc/>
    public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions)
    {
        RequireTerminal($"A value for {string.Join(", ", descriptions.Select(field => field.Name))}");
        Introduce(caption, message);
        var answers = new Dictionary<string, PSObject>(StringComparer.OrdinalIgnoreCase);
        foreach (FieldDescription field in descriptions)
        {
            Write(field.Name + ": ");
            answers[field.Name] = field.ParameterTypeFullName == typeof(SecureString).FullName
                ? PSObject.AsPSObject(ReadLineAsSecureString())
                : PSObject.AsPSObject(ReadLine());
        }

        return answers;
    }

    /// <inheritdoc/>
    public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
    {
        RequireTerminal("A confirmation");
        Introduce(caption, message);
        while (true)
        {
            Write(string.Join("  ", choices.Select(choice => $"[{Key(choice)}] {choice.Label.Replace("&", "", StringComparison.Ordinal)}")) + ": ");
            string answer = ReadLine().Trim();
            if (answer.Length == 0 && defaultChoice >= 0)
                return defaultChoice;
            for (int i = 0; i < choices.Count; i++)
            {
                if (answer.Equals(Key(choices[i]), StringComparison.OrdinalIgnoreCase) || answer.Equals(choices[i].Label.Replace("&", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase))
                    return i;
            }
        }
    }

    /// <inheritdoc/>
    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName)
    {
        RequireTerminal("A credential");
        Introduce(caption, message);
        if (string.IsNullOrEmpty(userName))
        {
            Write("User: ");
            userName = ReadLine();
        }

        Write("Password: ");
        return new PSCredential(userName, ReadLineAsSecureString());
    }

    /// <inheritdoc/>
    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName, PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) =>
        PromptForCredential(caption, message, userName, targetName);

    private static string Key(ChoiceDescription choice)
    {
        int mark = choice.Label.IndexOf('&', StringComparison.Ordinal);
        return mark >= 0 && mark + 1 < choice.Label.Length ? choice.Label[mark + 1].ToString().ToUpperInvariant() : choice.Label;
    }

    /// <summary>A scheduled task must end with an error, not wait for an answer that nobody gives.</summary>
    private static void RequireTerminal(string what)
    {
        if (Console.IsInputRedirected)
            throw new HostException($"{what} is asked for, but there is no terminal. Give it as a parameter (-Confirm:$false for a confirmation).");
    }

    private void Introduce(string caption, string message)
    {
        foreach (string text in new[] { caption, message }.Where(text => !string.IsNullOrEmpty(text)))
            WriteLine(text);
    }

    private void PrintAside(string text, ConsoleColor colour) => Print(Console.Error, Console.IsErrorRedirected, text + "\n", colour);

    private void Print(TextWriter writer, bool toFile, string text, ConsoleColor? colour)
    {
        lock (_lock)
        {
            EndProgress();
            if (toFile)
                writer.Write(new StringDecorated(text).ToString(OutputRendering.PlainText));
            else if (colour is { } foreground)
                writer.Write(PSStyle.Instance.Foreground.FromConsoleColor(foreground) + text + PSStyle.Instance.Reset);
            else
                writer.Write(text);
        }
    }
}
