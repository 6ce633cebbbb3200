using System.Globalization;
using TorchSharp;

namespace ZipLM.Engine.Runtime;

/// <summary>Turns what a user calls a device into one that works, or says why it does not.</summary>
internal static class DeviceSelector
{
    /// <summary>
    /// <c>auto</c> takes CUDA when it works, otherwise the CPU with a warning that names the cause;
    /// a device that is named is never replaced by another.
    /// </summary>
    public static (torch.Device Device, string? Warning) Select(string device)
    {
        switch (device.ToLowerInvariant())
        {
            case "cpu":
                return (torch.CPU, null);
            case "auto":
                if (WhyNoCuda(0) is not { } cause)
                {
                    return (new torch.Device(DeviceType.CUDA, 0), null);
                }

                return (torch.CPU, $"No CUDA device is used: {cause} Models run on the CPU. Use -Device cpu to choose that without this warning.");
            default:
                return (Cuda(device), null);
        }
    }

    /// <summary>Whether a device is called so, here or elsewhere.</summary>
    public static bool IsName(string device) => device.ToLowerInvariant() is "cpu" or "auto" || IsCuda(device, out _);

    private static bool IsCuda(string device, out int index)
    {
        index = 0;
        return device.Equals("cuda", StringComparison.OrdinalIgnoreCase)
            || (device.StartsWith("cuda:", StringComparison.OrdinalIgnoreCase)
                && int.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out index));
    }

    private static torch.Device Cuda(string device)
    {
        if (!IsCuda(device, out var index))
        {
            throw new ZipLMException("DeviceUnknown", ErrorKind.InvalidArgument,
                $"'{device}' is not a device.", "Use auto, cpu, cuda or cuda:N, where N counts from 0.", device);
        }

        if (WhyNoCuda(index) is { } cause)
        {
            throw new ZipLMException("DeviceUnavailable", ErrorKind.ResourceUnavailable,
                $"The device '{device}' cannot be used: {cause}",
                "Run Test-ZipLMEnvironment to see what is missing, or use -Device cpu.", device);
        }

        return new torch.Device(DeviceType.CUDA, index);
    }

    /// <summary>Null when a CUDA device is there and works; else the reason, as a sentence.</summary>
    private static string? WhyNoCuda(int index)
    {
        if (!NativeLibraries.HasCuda)
        {
            return "this build of libtorch has no CUDA (see ZIPLM_LIBTORCH in about_ZipLM_Devices).";
        }

        if (!torch.cuda.is_available())
        {
            return "libtorch finds no CUDA device or no fitting driver.";
        }

        var count = torch.cuda.device_count();
        return index < count
            ? DeviceProbe.Failure(new torch.Device(DeviceType.CUDA, index))
            : $"this machine has {count} CUDA device(s), cuda:0 to cuda:{count - 1}.";
    }
}
