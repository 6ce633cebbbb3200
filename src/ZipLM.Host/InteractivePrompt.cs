using System.Management.Automation.Language;

namespace ZipLM.Host;

/// <summary>Reads commands line by line and runs each as soon as it is complete.</summary>
internal sealed class InteractivePrompt(ScriptSession session)
{
    /// <summary>Runs until <c>exit</c> or the end of the input; the exit code, which for input from a file is that of its last command.</summary>
    public int Run()
    {
        int last = ExitCode.Success;
        while (session.Exit is null && ReadCommand() is { } command)
        {
            if (string.IsNullOrWhiteSpace(command))
                continue;
            last = session.RunText(command);
            if (last == ExitCode.Interrupted && session.Exit is null)
                session.TellOfRunningJobs();
        }

        return session.Exit ?? (Console.IsInputRedirected ? last : ExitCode.Success);
    }

    /// <summary>One command, of as many lines as it takes; an empty line ends an incomplete one with the parser's error.</summary>
    private static string? ReadCommand()
    {
        string? text = ReadLine("ziplm> ");
        while (text is not null && IsIncomplete(text) && ReadLine(">> ") is { Length: > 0 } line)
            text += "\n" + line;
        return text;
    }

    private static bool IsIncomplete(string text)
    {
        Parser.ParseInput(text, out _, out ParseError[] errors);
        return errors.Any(error => error.IncompleteInput);
    }

    private static string? ReadLine(string prompt)
    {
        if (!Console.IsInputRedirected)
            Console.Write(prompt);
        return Console.ReadLine();
    }
}
