using Xunit;

namespace ZipLM.PowerShell.Tests;

public sealed class ZiplmTests : IDisposable
{
    private const string Escape = "\e";
    private readonly string _folder = Directory.CreateTempSubdirectory("ziplm-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void ACommandPrintsItsOutputAndNothingElse() =>
        Assert.Equal(new ZiplmProcess(0, "2\n", ""), ZiplmProcess.Run("-Command", "1+1"));

    [Theory]
    [InlineData("exit 7", 7)]
    [InlineData("throw 'no'", 1)]
    [InlineData("$ErrorActionPreference = 'Stop'; Get-Nothing", 1)]
    [InlineData("if (", 1)]
    [InlineData("Get-Nothing; 'goes on'", 0)]
    [InlineData("function f { exit 3 }; f; 'not here'", 3)]
    public void TheExitCodeTellsHowAScriptEnded(string script, int code)
    {
        Assert.Equal(code, ZiplmProcess.Run(Script(script)).ExitCode);
        Assert.Equal(code, ZiplmProcess.Run("-Command", script).ExitCode);
    }

    [Theory]
    [InlineData("Get-Nothing", 1)]
    [InlineData("1; Get-Model nowhere", 1)]
    [InlineData("Get-Model nowhere; 1", 0)]
    [InlineData("Get-Model nowhere; exit 0", 0)]
    public void ACommandOrInputWhoseLastStatementFailedIsAnErrorAndAFileIsNot(string text, int code)
    {
        Assert.Equal(code, ZiplmProcess.Run("-Command", text).ExitCode);
        Assert.Equal(code, ZiplmProcess.Run(new Dictionary<string, string>(), text + "\n").ExitCode);
        Assert.Equal(0, ZiplmProcess.Run(Script(text)).ExitCode);
    }

    [Theory]
    [InlineData("-Nonsense")]
    [InlineData("-File")]
    [InlineData("missing.ps1")]
    [InlineData("-File", "notes.txt")]
    public void AWrongCommandLineShowsTheUsage(params string[] arguments)
    {
        ZiplmProcess result = ZiplmProcess.Run(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("ziplm script.ps1", result.Errors, StringComparison.Ordinal);
        Assert.Empty(result.Output);
    }

    [Fact]
    public void HelpAndVersionSucceed()
    {
        Assert.Contains("Exit codes", ZiplmProcess.Run("-Help").Output, StringComparison.Ordinal);
        Assert.Matches(@"^\d+\.\d+\.\d+\n$", ZiplmProcess.Run("-Version").Output);
    }

    [Theory]
    [InlineData("first 3 True [ it's ]", "first", "-Count", "3", "-Json", "-Name", " it's ")]
    [InlineData("first 1 False []", "first", "-Json:$false")]
    [InlineData("-5 2 False [$x; exit 9]", "-5", "-Count:2", "-Name", "$x; exit 9")]
    public void ArgumentsReachTheScriptsParametersAsText(string expected, params string[] arguments)
    {
        string script = Script("param([string]$First, [string]$Name, [int]$Count = 1, [switch]$Json) \"$First $Count $Json [$Name]\"");
        Assert.Equal(expected + "\n", ZiplmProcess.Run([script, .. arguments]).Output);
        Assert.Equal(expected + "\n", ZiplmProcess.Run(["-NoProfile", "-File", script, .. arguments]).Output);
    }

    [Fact]
    public void AScriptKnowsItsFolderAndMayImportTheModuleAndStartAnother()
    {
        string child = Script("param($A) \"child $A\"; exit 5", "child.ps1");
        ZiplmProcess result = ZiplmProcess.Run(Script($$"""
            Import-Module '{{Built.Manifest}}'
            & ([Environment]::ProcessPath) -File "$PSScriptRoot/{{Path.GetFileName(child)}}" -A b
            $LASTEXITCODE
            """));
        Assert.Equal(new ZiplmProcess(0, "child b\n5\n", ""), result);
    }

    [Fact]
    public void ARedirectedTableHasNoEscapeCodes()
    {
        ZiplmProcess result = ZiplmProcess.Run("-Command", "Test-ZipLMEnvironment; $PSStyle.Foreground.Red + 'red'");
        Assert.Matches(@"(?m)^Check +Status +Detail$", result.Output);
        Assert.Matches(@"(?m)^Native libraries +Passed ", result.Output);
        Assert.DoesNotContain(Escape, result.Output + result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void ProgressIsNotDrawnIntoAFile()
    {
        ZiplmProcess result = ZiplmProcess.Run("-Command", "$Host.UI.WriteProgress(1, [Management.Automation.ProgressRecord]::new(1, 'Training', 'step 1')); 'done'");
        Assert.Equal(new ZiplmProcess(0, "done\n", ""), result);
    }

    [Fact]
    public void AnUnknownCommandNamesPwsh()
    {
        ZiplmProcess result = ZiplmProcess.Run("-Command", "1 | ConvertTo-Json -Depth 4");
        Assert.Empty(result.Output);
        Assert.Contains("'ConvertTo-Json'", result.Errors, StringComparison.Ordinal);
        Assert.Contains("pwsh", result.Errors, StringComparison.Ordinal);
        Assert.Contains("CommandNotFoundException", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void TheOtherStreamsGoToStandardError()
    {
        ZiplmProcess result = ZiplmProcess.Run("-Command", """
            $DebugPreference = 'Continue'
            function f { [CmdletBinding()] param() $PSCmdlet.WriteWarning('w'); $PSCmdlet.WriteVerbose('v'); $PSCmdlet.WriteDebug('d'); 'out' }
            f -Verbose
            """);
        Assert.Equal(new ZiplmProcess(0, "out\n", "Warning: w\nVerbose: v\nDebug: d\n"), result);
    }

    [Fact]
    public void LinesFromStandardInputRunOneByOne()
    {
        ZiplmProcess result = ZiplmProcess.Run(new Dictionary<string, string>(), "$x = 1\nif ($x) {\n'yes'\n}\nexit 4\n'not here'\n");
        Assert.Equal(new ZiplmProcess(4, "yes\n", ""), result);
    }

    [Fact]
    public void AQuestionWithoutATerminalIsAnError()
    {
        ZiplmProcess result = ZiplmProcess.Run("-Command", "$ErrorActionPreference = 'Stop'; & { [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')] param() if ($PSCmdlet.ShouldProcess('x')) { 'did' } }");
        Assert.Equal(1, result.ExitCode);
        Assert.Empty(result.Output);
    }

    [Fact]
    public void CtrlCStopsTheScriptWithinTwoSeconds()
    {
        string left = Path.Combine(_folder, "cleaned-up");
        (ZiplmProcess result, TimeSpan time) = ZiplmProcess.Interrupt("started", Script($$"""
            try { 'started'; while ($true) { [Threading.Thread]::Sleep(20) } } finally { [IO.File]::WriteAllText('{{left}}', '') }
            """));
        Assert.Equal(130, result.ExitCode);
        Assert.InRange(time, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.True(File.Exists(left), "The script's finally block did not run.");
    }

    [Fact]
    public void ImportingLoadsNoTorchAndTheFirstUseLoadsItOnce()
    {
        const string Loaded = "[AppDomain]::CurrentDomain.GetAssemblies().GetName().Name; [IO.File]::ReadAllLines('/proc/self/maps') | ForEach-Object { ($_ -split ' ')[-1] }";
        string[] before = ZiplmProcess.Run("-Command", Loaded).Output.Split('\n');
        Assert.Contains("ZipLM.PowerShell", before);
        Assert.DoesNotContain(before, name => name.Contains("torch", StringComparison.OrdinalIgnoreCase) || name == "ZipLM.Engine");

        string[] after = ZiplmProcess.Run("-Command", "$null = Test-ZipLMEnvironment; " + Loaded).Output.Split('\n');
        Assert.Single(after, name => name == "TorchSharp");
        Assert.Single(after, name => name == "ZipLM.Abstractions");
        Assert.Single(after.Where(name => name.EndsWith("/libtorch_cpu.so", StringComparison.Ordinal)).Distinct());
    }

    [Fact]
    public void AnEmptyLibTorchFolderIsOneRowThatSaysSo()
    {
        var environment = new Dictionary<string, string> { ["ZIPLM_LIBTORCH"] = _folder };
        ZiplmProcess result = ZiplmProcess.Run(environment, null, "-Command", "Test-ZipLMEnvironment | Where-Object Status -eq Failed | ForEach-Object { $_.Check; $_.Detail; $_.Remedy }");
        string[] lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Equal("Native libraries", lines[0]);
        Assert.Contains(_folder, lines[1], StringComparison.Ordinal);
        Assert.Contains("ZIPLM_LIBTORCH", lines[2], StringComparison.Ordinal);
    }

    [Fact]
    public void AStoreThatCannotBeWrittenIsAWarning()
    {
        var environment = new Dictionary<string, string> { ["ZIPLM_HOME"] = "/proc/ziplm" };
        ZiplmProcess result = ZiplmProcess.Run(environment, null, "-Command", "Test-ZipLMEnvironment | Where-Object Check -eq 'Model store' | ForEach-Object { \"$($_.Status)\"; $_.Detail; $_.Remedy }");
        Assert.StartsWith("Warning\n/proc/ziplm cannot be written", result.Output, StringComparison.Ordinal);
        Assert.Contains("ZIPLM_HOME", result.Output, StringComparison.Ordinal);
    }

    private string Script(string text, string name = "script.ps1")
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
