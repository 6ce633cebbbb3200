using System.Runtime.CompilerServices;

namespace ZipLM.Engine.Tests;

/// <summary>No test may depend on the real hub: it is closed to this process, and those that need one run their own.</summary>
internal static class NoHub
{
    [ModuleInitializer]
    public static void Close() => Environment.SetEnvironmentVariable("HF_HUB_OFFLINE", "1");
}
