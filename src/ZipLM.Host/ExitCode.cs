namespace ZipLM.Host;

/// <summary>What the program returns when the script does not say.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int ScriptError = 1;
    public const int Usage = 2;
    public const int Interrupted = 130;
}
