using System.Management.Automation;
using ZipLM.PowerShell.Completion;

namespace ZipLM.PowerShell.Commands;

/// <summary>Chooses where models run, and makes that this runspace's session.</summary>
/// <example>
///   <code>Connect-GpuSession -Device cpu -Threads 2 -Seed 7</code>
///   <para>Uses two threads of the CPU. Every command of this runspace now runs there unless it is told otherwise.</para>
///   <code>
///   Id              : 1
///   Device          : cpu
///   DeviceName      : AMD EPYC
///   Precision       : Float32
///   Threads         : 2
///   Seed            : 7
///   CalibrationData :
///   Models          :
///   Resident        : 0.0 MB
///   Free            : 24.6 GB
///   Total           : 25.3 GB
///   </code>
/// </example>
/// <example>
///   <code>Connect-GpuSession -Device cuda:0</code>
///   <para>A device that is named is never replaced by another: on this machine it does not work, and the command ends.</para>
///   <code>
///   Error: The device 'cuda:0' cannot be used: this build of libtorch has no CUDA (see ZIPLM_LIBTORCH in about_ZipLM_Devices). Run Test-ZipLMEnvironment to see what is missing, or use -Device cpu.
///     Id: ZipLM.DeviceUnavailable
///     At line 1: Connect-GpuSession -Device cuda:0
///   </code>
/// </example>
[Cmdlet(VerbsCommunications.Connect, "GpuSession")]
[OutputType(typeof(GpuSession))]
public sealed class ConnectGpuSessionCommand : EngineCommand
{
    /// <summary>auto, cpu, cuda or cuda:N. auto takes CUDA when it works, otherwise the CPU with a warning.</summary>
    [Parameter(Position = 0)]
    [ArgumentCompleter(typeof(DeviceCompleter))]
    [ValidateNotNullOrEmpty]
    public string Device { get; set; } = "auto";

    /// <summary>The number format in which models are loaded.</summary>
    [Parameter]
    [ValidateSet(nameof(Precision.Float32), nameof(Precision.BFloat16))]
    public Precision Precision { get; set; }

    /// <summary>CPU threads; one for each core unless given. All sessions of a process must agree.</summary>
    [Parameter]
    [ValidateRange(1, 1024)]
    public int Threads { get; set; }

    /// <summary>Seed of samples, initial weights and dropout.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int Seed { get; set; }

    /// <summary>Text for models whose directory records none.</summary>
    [Parameter]
    public TextDataset? CalibrationData { get; set; }

    /// <inheritdoc />
    protected override void EndProcessing()
    {
        try
        {
            WriteObject(Sessions.Connect(
                new() { Device = Device, Precision = Precision, Threads = Threads, Seed = Seed, CalibrationData = CalibrationData },
                new DirectOutput(this)));
        }
        catch (ZipLMException e)
        {
            ThrowTerminatingError(Errors.Record(e));
        }
    }
}
