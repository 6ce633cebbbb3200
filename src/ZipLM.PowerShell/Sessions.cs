using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;
using ZipLM.Engine.Runtime;

namespace ZipLM.PowerShell;

/// <summary>The sessions of each runspace; the last one connected is its default. They go with their runspace.</summary>
internal static class Sessions
{
    private static readonly ConditionalWeakTable<Runspace, List<TorchSession>> OfRunspace = [];

    /// <summary>The current runspace's sessions that are connected, oldest first.</summary>
    public static IReadOnlyList<TorchSession> Current
    {
        get
        {
            var sessions = OfRunspace.GetOrCreateValue(Runspace.DefaultRunspace);
            sessions.RemoveAll(s => s.IsDisposed);
            return sessions;
        }
    }

    /// <summary>The current runspace's default session, made on first use.</summary>
    public static TorchSession Default() =>
        Current.Count > 0 ? Current[^1] : Connect(new(), null);

    /// <summary>Makes a session and the current runspace's default.</summary>
    public static TorchSession Connect(SessionOptions options, IReporter? reporter)
    {
        var session = TorchSession.Connect(options, reporter);
        ((List<TorchSession>)Current).Add(session);
        return session;
    }

    /// <summary>Makes a session beside the current runspace's default, which stays what it is where there is one.</summary>
    public static TorchSession ConnectBeside(SessionOptions options, IReporter? reporter)
    {
        var session = TorchSession.Connect(options, reporter);
        ((List<TorchSession>)Current).Insert(0, session);
        return session;
    }
}
