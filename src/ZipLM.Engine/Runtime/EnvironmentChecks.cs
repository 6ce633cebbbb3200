using System.Globalization;
using System.Runtime.InteropServices;
using TorchSharp;

namespace ZipLM.Engine.Runtime;

/// <summary>Looks at each thing that must work for the module to work; a check that fails does not stop the next.</summary>
public static class EnvironmentChecks
{
    private const double GiB = 1L << 30;
    private const double EnoughMemory = 4 * GiB; // a BERT-base, its copy and the statistics of a pruning
    private const double EnoughDisk = 2 * GiB; // a handful of models

    /// <summary>Runs the checks one after the other, each when its row is asked for.</summary>
    /// <param name="modelStore">The folder of the model store; it need not exist.</param>
    public static IEnumerable<EnvironmentCheck> Run(string modelStore)
    {
        yield return new EnvironmentCheck(".NET", CheckStatus.Passed, $"{RuntimeInformation.FrameworkDescription} on {RuntimeInformation.OSDescription}");
        EnvironmentCheck natives = Try("Native libraries", Natives);
        yield return natives;
        if (natives.Status == CheckStatus.Passed)
        {
            yield return Try("Torch", Torch);
            yield return Try("CUDA", Cuda);
        }

        yield return Try("ONNX Runtime", Onnx);
        yield return Try("Memory", Memory);
        yield return Try("Model store", () => Disk(modelStore));
    }

    private static EnvironmentCheck Natives()
    {
        NativeLibraries.EnsureLoaded();
        return new EnvironmentCheck("Native libraries", CheckStatus.Passed, $"{NativeLibraries.Directory} ({NativeLibraries.Source})");
    }

    private static EnvironmentCheck Torch() => DeviceProbe.Failure(torch.CPU) is not { } failure
        ? new EnvironmentCheck("Torch", CheckStatus.Passed, $"TorchSharp {NativeLibraries.TorchSharpVersion}, libtorch {NativeLibraries.TorchVersion}, {torch.get_num_threads()} threads")
        : new EnvironmentCheck("Torch", CheckStatus.Failed, failure, $"Install the module again, or set {LibTorch.Variable} to the folder of a libtorch {LibTorch.OwnVersion}.");

    /// <summary>Its library is loaded by its first call.</summary>
    private static EnvironmentCheck Onnx()
    {
        try
        {
            return new EnvironmentCheck("ONNX Runtime", CheckStatus.Passed, $"{OnnxSession.Version}, on the CPU");
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException or TypeInitializationException)
        {
            return new EnvironmentCheck("ONNX Runtime", CheckStatus.Warning, $"It does not load: {LibTorch.LoaderReason((e.InnerException ?? e).Message)}",
                "Install the module again; until then use -Runtime Torch.");
        }
    }

    private static EnvironmentCheck Cuda()
    {
        if (!NativeLibraries.HasCuda)
        {
            return new EnvironmentCheck("CUDA", CheckStatus.Warning, "This libtorch has no CUDA part; models run on the CPU.",
                $"On a machine with an NVIDIA GPU set {LibTorch.Variable} to the folder of a libtorch {LibTorch.OwnVersion} with CUDA, or install the package built with -TorchBackend cuda.");
        }

        if (!torch.cuda.is_available())
        {
            return new EnvironmentCheck("CUDA", CheckStatus.Warning, "libtorch finds no usable CUDA device; models run on the CPU.", "Check the NVIDIA driver with nvidia-smi.");
        }

        var count = torch.cuda.device_count();
        var devices = Enumerable.Range(0, count).Select(i => new torch.Device(DeviceType.CUDA, i)).ToList();
        var failure = devices.Select(DeviceProbe.Failure).FirstOrDefault(f => f is not null);
        return failure is null
            ? new EnvironmentCheck("CUDA", CheckStatus.Passed, string.Join("; ", devices.Select(Card)))
            : new EnvironmentCheck("CUDA", CheckStatus.Failed, failure, "Check that the NVIDIA driver (nvidia-smi) and the card are ones that this libtorch supports, or use -Device cpu.");
    }

    private static string Card(torch.Device device) => DeviceInfo.Memory(device) is { } memory
        ? Invariant($"{device}: {DeviceInfo.Name(device)}, {memory.Free / GiB:F1} of {memory.Total / GiB:F1} GiB free")
        : $"{device}: {DeviceInfo.Name(device)}";

    private static EnvironmentCheck Memory()
    {
        long limit = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        string detail = Invariant($"{limit / GiB:F1} GiB for this process");
        return limit >= EnoughMemory
            ? new EnvironmentCheck("Memory", CheckStatus.Passed, detail)
            : new EnvironmentCheck("Memory", CheckStatus.Warning, detail, "Models of BERT's size want 4 GiB or more.");
    }

    private static EnvironmentCheck Disk(string modelStore)
    {
        string folder = Path.GetFullPath(modelStore);
        while (!Directory.Exists(folder))
            folder = Path.GetDirectoryName(folder)!;
        try
        {
            File.Create(Path.Combine(folder, $".ziplm.{Guid.NewGuid():N}.tmp"), 1, FileOptions.DeleteOnClose).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new EnvironmentCheck("Model store", CheckStatus.Warning, $"{modelStore} cannot be written; Export-Model -Name has no place.",
                $"Let this account write to {folder}, or set ZIPLM_HOME to a folder that it may write to.");
        }

        long free = new DriveInfo(folder).AvailableFreeSpace;
        string detail = Invariant($"{modelStore}, {free / GiB:F1} GiB free");
        return free >= EnoughDisk
            ? new EnvironmentCheck("Model store", CheckStatus.Passed, detail)
            : new EnvironmentCheck("Model store", CheckStatus.Warning, detail, "Free some space, or set ZIPLM_HOME to a folder on another disk.");
    }

    /// <summary>Whatever a check throws is its result: this is the one place that must not fail on a broken machine.</summary>
    private static EnvironmentCheck Try(string name, Func<EnvironmentCheck> check)
    {
        try
        {
            return check();
        }
        catch (ZipLMException exception)
        {
            return new EnvironmentCheck(name, CheckStatus.Failed, exception.Message, exception.Remedy);
        }
        catch (Exception exception)
        {
            return new EnvironmentCheck(name, CheckStatus.Failed, exception.Message);
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
