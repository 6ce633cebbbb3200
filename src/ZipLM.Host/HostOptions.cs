namespace ZipLM.Host;

/// <summary>The command line. Its switches mean what they mean to pwsh, so that a script can start either.</summary>
/// <param name="Mode">What to do.</param>
/// <param name="Text">The script's path, or the command's text.</param>
/// <param name="Arguments">The script's arguments, as typed.</param>
internal sealed record HostOptions(HostMode Mode, string Text, string[] Arguments)
{
    public const string Usage = """
        ziplm: PowerShell's engine and the ZipLM module in one program.

          ziplm script.ps1 [arguments]         runs a script; -Name value and -Switch reach its parameters
          ziplm -File script.ps1 [arguments]   the same
          ziplm -Command "text"                runs a command
          ziplm                                reads commands until exit
          ziplm -Help | -Version

        Scripts have the language, the commands of PowerShell's engine and ZipLM's own; run scripts that need
        other modules in pwsh, after Import-Module ZipLM.

        Exit codes: 0; 1 a script error, or a command whose last statement failed; 2 a wrong command line; 130 Ctrl-C; or what the script's exit says.
        """;

    /// <summary>Reads the command line.</summary>
    /// <exception cref="UsageException">It makes no sense, or names a script that does not exist.</exception>
    public static HostOptions Parse(string[] args)
    {
        for (int i = 0; i < args.Length; i++)
        {
            string[] rest = args[(i + 1)..];
            switch (args[i].TrimStart('-').ToLowerInvariant())
            {
                case var _ when !args[i].StartsWith('-'):
                    return Script(args[i], rest);
                case "help" or "h" or "?":
                    return new HostOptions(HostMode.Help, "", []);
                case "version" or "v":
                    return new HostOptions(HostMode.Version, "", []);
                case "file" or "f":
                    return rest.Length > 0 ? Script(rest[0], rest[1..]) : throw new UsageException("-File needs the path of a script.");
                case "command" or "c":
                    return rest.Length > 0 ? new HostOptions(HostMode.Command, string.Join(' ', rest), []) : throw new UsageException("-Command needs a text.");
                case "noprofile" or "nologo" or "noninteractive":
                    break; // pwsh's switches for what is always so here
                default:
                    throw new UsageException($"'{args[i]}' is not an option.");
            }
        }

        return new HostOptions(HostMode.Prompt, "", []);
    }

    private static HostOptions Script(string path, string[] arguments)
    {
        if (!path.EndsWith(".ps1", StringComparison.OrdinalIgnoreCase))
            throw new UsageException($"'{path}' is not a script: its name must end in .ps1.");
        if (!File.Exists(path))
            throw new UsageException($"The script '{path}' does not exist.");
        return new HostOptions(HostMode.File, Path.GetFullPath(path), arguments);
    }
}
