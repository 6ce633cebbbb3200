using System.Runtime.InteropServices;
using TorchSharp;

namespace ZipLM.Engine.Runtime;

/// <summary>A device's name and memory. TorchSharp has no queries for either, so they come from the system.</summary>
internal static partial class DeviceInfo
{
    /// <summary>The processor's or graphics card's own name.</summary>
    public static string Name(torch.Device device) =>
        device.type == DeviceType.CUDA ? Asked(() => CudaName(device.index)) ?? "CUDA device" : CpuName();

    /// <summary>Free and total memory of the device, in bytes; null when it does not say.</summary>
    public static (long Free, long Total)? Memory(torch.Device device)
    {
        return device.type == DeviceType.CUDA ? Asked(() => CudaMemory(device.index)) : HostMemory.Read("/proc", "/sys/fs/cgroup");
    }

    private static (long Free, long Total)? CudaMemory(int index) =>
        CudaSetDevice(index) == 0 && CudaMemGetInfo(out var free, out var total) == 0 ? ((long)free, (long)total) : null;

    /// <summary>Default where CUDA's runtime library, which is in no fixed place, is not found: these are no reasons to stop.</summary>
    private static T? Asked<T>(Func<T> question)
    {
        try
        {
            return question();
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return default;
        }
    }

    private static string CpuName()
    {
        const string path = "/proc/cpuinfo";
        var line = File.Exists(path)
            ? File.ReadLines(path).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return line is null ? RuntimeInformation.ProcessArchitecture.ToString() : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }

    private static unsafe string? CudaName(int index)
    {
        // cudaDeviceProp starts with char name[256] in every version; the structure has grown over them, so leave room.
        var properties = stackalloc byte[4096];
        return CudaGetDeviceProperties(properties, index) == 0
            ? Marshal.PtrToStringUTF8((nint)properties)
            : null;
    }

    [LibraryImport("cudart", EntryPoint = "cudaMemGetInfo")]
    private static partial int CudaMemGetInfo(out nuint free, out nuint total);

    [LibraryImport("cudart", EntryPoint = "cudaSetDevice")]
    private static partial int CudaSetDevice(int index);

    [LibraryImport("cudart", EntryPoint = "cudaGetDeviceProperties")]
    private static unsafe partial int CudaGetDeviceProperties(byte* properties, int index);
}
