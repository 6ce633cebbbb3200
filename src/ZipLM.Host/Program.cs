using System.Reflection;
using ZipLM.Host;

HostOptions options;
try
{
    options = HostOptions.Parse(args);
}
catch (UsageException exception)
{
    Console.Error.WriteLine($"ziplm: {exception.Message}\n\n{HostOptions.Usage}");
    return ExitCode.Usage;
}

switch (options.Mode)
{
    case HostMode.Help:
        Console.WriteLine(HostOptions.Usage);
        return ExitCode.Success;
    case HostMode.Version:
        Console.WriteLine(Assembly.GetExecutingAssembly().GetName().Version!.ToString(3));
        return ExitCode.Success;
    default:
        using (var session = new ScriptSession())
            return session.ImportModule() ?? Run(session, options);
}

static int Run(ScriptSession session, HostOptions options) => options.Mode switch
{
    HostMode.File => session.RunFile(options.Text, options.Arguments),
    HostMode.Command => session.RunText(options.Text),
    _ => new InteractivePrompt(session).Run(),
};
