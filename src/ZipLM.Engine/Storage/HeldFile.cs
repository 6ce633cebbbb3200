namespace ZipLM.Engine.Storage;

/// <summary>Tells that another process holds a file from all else that may keep it from being opened.</summary>
internal static class HeldFile
{
    // What .NET puts into HResult where another has the file: errno on Unix (EWOULDBLOCK), a Win32 code on Windows.
    private const int WouldBlockOnLinux = 11;
    private const int WouldBlockElsewhere = 35;
    private const int SharingViolation = unchecked((int)0x80070020);

    public static bool Is(IOException e) =>
        e.HResult == (OperatingSystem.IsWindows() ? SharingViolation : OperatingSystem.IsLinux() ? WouldBlockOnLinux : WouldBlockElsewhere);
}
