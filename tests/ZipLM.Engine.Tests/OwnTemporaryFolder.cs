using System.Runtime.CompilerServices;

namespace ZipLM.Engine.Tests;

/// <summary>
/// A temporary folder of this process's own. The lock files by which measurements take turns lie in the temporary folder:
/// tests of other projects, which run at the same time, must not wait for these.
/// </summary>
internal static class OwnTemporaryFolder
{
    [ModuleInitializer]
    internal static void Make()
    {
        var folder = Directory.CreateTempSubdirectory("ziplm-tests-");
        Environment.SetEnvironmentVariable("TMPDIR", folder.FullName);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Delete(recursive: true);
    }
}
