using System.Management.Automation;
using ZipLM.PowerShell.Completion;

namespace ZipLM.PowerShell.Commands;

/// <summary>Chooses where models run, and makes that this runspace's session.</summary>
/// <example>
///   <code>Connect-GpuSession -Device cuda:0 -Seed 7</code>
///   <para>Uses the first CUDA device, or fails when it does not work: a device that is named is never replaced by another.</para>
/// </example>
/// <example>
///   <code>Connect-GpuSession -Device cpu -Threads 4 -CalibrationData (Import-TextDataset ./tickets.tsv)</code>
///   <para>Uses four threads of the CPU, and calibrates every model on the same text unless told otherwise.</para>
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
