using System.Management.Automation;

namespace ZipLM.PowerShell.Commands;

/// <summary>Ends sessions and frees the weights of their models.</summary>
/// <example>
///   <code>Disconnect-GpuSession -Verbose</code>
///   <para>Ends this runspace's session; models that were not saved are gone. Without -Verbose it says nothing.</para>
///   <code>Verbose: Performing the operation "Disconnect and free its models" on target "session 1 on cpu".</code>
/// </example>
/// <example>
///   <code>Get-GpuSession | Disconnect-GpuSession -WhatIf</code>
///   <para>Says what would be ended.</para>
///   <code>What if: Performing the operation "Disconnect and free its models" on target "session 1 on cpu".</code>
/// </example>
[Cmdlet(VerbsCommunications.Disconnect, "GpuSession", SupportsShouldProcess = true)]
public sealed class DisconnectGpuSessionCommand : EngineCommand
{
    /// <summary>The session; this runspace's default unless given.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    public GpuSession? Session { get; set; }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var session = Session ?? Sessions.Current.LastOrDefault();
        if (session is null || session.IsDisposed || !ShouldProcess(session.ToString(), "Disconnect and free its models"))
        {
            return;
        }

        try
        {
            session.Dispose();
        }
        catch (ZipLMException e)
        {
            WriteError(Errors.Record(e));
        }
    }
}
