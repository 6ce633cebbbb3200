using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Reflection;

namespace ZipLM.Host;

/// <summary>What PowerShell's engine sees of this program.</summary>
internal sealed class ZipLMHost : PSHost
{
    /// <summary>The terminal, by its own type.</summary>
    public HostUserInterface Terminal { get; } = new();

    /// <summary>How the text that ran last ended.</summary>
    public LastStatement LastStatement { get; } = new();

    /// <inheritdoc/>
    public override PSObject PrivateData => PSObject.AsPSObject(LastStatement);

    /// <summary>The code of an <c>exit</c>, or null.</summary>
    public int? Exit { get; private set; }

    /// <inheritdoc/>
    public override string Name => "ziplm";

    /// <inheritdoc/>
    public override Version Version { get; } = Assembly.GetExecutingAssembly().GetName().Version!;

    /// <inheritdoc/>
    public override Guid InstanceId { get; } = Guid.NewGuid();

    /// <inheritdoc/>
    public override PSHostUserInterface UI => Terminal;

    /// <inheritdoc/>
    public override CultureInfo CurrentCulture => CultureInfo.CurrentCulture;

    /// <inheritdoc/>
    public override CultureInfo CurrentUICulture => CultureInfo.CurrentUICulture;

    /// <inheritdoc/>
    public override void SetShouldExit(int exitCode) => Exit = exitCode;

    /// <inheritdoc/>
    public override void EnterNestedPrompt() => throw new NotSupportedException("ziplm has no nested prompt; debug scripts in pwsh.");

    /// <inheritdoc/>
    public override void ExitNestedPrompt() => throw new NotSupportedException("ziplm has no nested prompt; debug scripts in pwsh.");

    /// <inheritdoc/>
    public override void NotifyBeginApplication()
    {
        // A program that PowerShell starts draws on the terminal itself.
        Terminal.EndProgress();
    }

    /// <inheritdoc/>
    public override void NotifyEndApplication()
    {
    }
}
