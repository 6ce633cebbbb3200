using System.Runtime.InteropServices;

namespace ZipLM.Engine.Runtime;

/// <summary>Recognises that a device failed while it computed: after that torch cannot use it in this process again. Torch has no error of its own for it, so its words tell.</summary>
public static class DeviceLost
{
    /// <summary>True for what torch throws then.</summary>
    public static bool Is(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception is ExternalException
            && (exception.Message.Contains("CUDA error", StringComparison.Ordinal) || exception.Message.Contains("device lost", StringComparison.OrdinalIgnoreCase))
            && !OutOfMemory.Is(exception);
    }

    /// <summary>What the user is told.</summary>
    /// <param name="during">What was being done, such as <c>in mid-measurement</c>.</param>
    /// <param name="target">The device, or where it is named.</param>
    public static ZipLMException Error(Exception exception, string during, object? target)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return new("DeviceLost", ErrorKind.ResourceUnavailable,
            $"The device failed {during}: {exception.Message.Split('\n')[0]}",
            "Nothing of this step was kept. Start PowerShell again, since a process does not get the device back, and run Test-ZipLMEnvironment.", target, exception);
    }
}
