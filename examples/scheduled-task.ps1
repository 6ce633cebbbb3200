<#
.SYNOPSIS
    Prunes a model every night, with nobody at the keyboard.
.DESCRIPTION
    Prunes a model of the store, lets it learn from its teacher again, measures it against the dense one, writes the
    figures to a file, and only then puts it into the store, where Get-Model finds it under the name MODEL-nightly.

    It ends with code 0 when all of this worked and with 1 when anything did not; then the model of the night before is
    still in its place. It asks nothing, keeps no lock and no state: after a stop, start it again. It runs in pwsh and in
    ziplm. See about_ZipLM_ScheduledTasks.
.PARAMETER Model
    The dense model: a name in the store, or a directory.
.PARAMETER Data
    Labelled text to judge by; what the model's directory records unless given.
.PARAMETER Speedup
    The target. A model that is measured below nine tenths of it is not put into the store.
.PARAMETER Epochs
    Passes of the distillation over the training data that the model's directory records; 0 = prune only.
.PARAMETER LargestLoss
    How much quality may be lost, as a share: 0.02 is two points. A model that loses more is not put into the store.
.PARAMETER Log
    The file of the figures: .json or .csv. It is written anew every night.
.PARAMETER Rounds
    Rounds of each measurement; as many as it takes unless given, minutes on a machine that is busy with other things.
.PARAMETER Device
    auto, cpu, cuda or cuda:N.
.EXAMPLE
    pwsh -NonInteractive -File scheduled-task.ps1 -Model bert -Log /var/log/ziplm/bert.json
.EXAMPLE
    ziplm scheduled-task.ps1 -Model bert -Speedup 2 -Log /var/log/ziplm/bert.csv
#>
param(
    [string] $Model = 'bert',
    [string] $Data,
    [double] $Speedup = 3,
    [double] $Epochs = 3,
    [double] $LargestLoss = 0.02,
    [string] $Log = 'nightly.json',
    [Nullable[int]] $Rounds,
    [string] $Device = 'auto'
)

# Without this line a script goes on after an error, and pwsh -File returns 0.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

# In pwsh the module comes from beside this script, or from where it is installed; ziplm has it already.
if (-not (Get-Module ZipLM)) {
    $module = [System.IO.Path]::GetFullPath("$PSScriptRoot/../ZipLM.psd1")
    Import-Module $(if ([System.IO.File]::Exists($module)) { $module } else { 'ZipLM' })
}

Test-ZipLMEnvironment | Where-Object Status -eq Failed | ForEach-Object { throw "$($_.Check): $($_.Detail) $($_.Remedy)" }
$session = Connect-GpuSession -Device $Device
try {
    $measuring = if ($Rounds) { @{ Rounds = $Rounds } } else { @{} }
    $dense = Get-Model $Model
    $result = $dense | Invoke-StructuredPrune -Speedup $Speedup @measuring
    if ($Epochs -gt 0) {
        $result = $result | Start-TokenDistillation -Epochs $Epochs | Receive-Job -Wait -AutoRemoveJob
    }

    $judge = @{ Baseline = $dense; OutFile = $Log; Force = $true }
    if ($Data) { $judge.Data = Import-TextDataset $Data }
    $figures = $result | Measure-Model @judge @measuring
    $figures

    # The gate: a model that breaks its promise stays out of the store.
    if ($figures.Speedup -lt $Speedup * 0.9) { throw "$($result.Name): the speedup is $($figures.Speedup.ToString('0.00')), the target was $Speedup." }
    if ($figures.QualityChange -lt - $LargestLoss) { throw "$($result.Name): $($figures.Metric) changed by $($figures.QualityChange.ToString('0.0000')), which is more than $LargestLoss." }

    $name = "$($dense.Name)-nightly"
    $result | Export-Model -Name $name -Force
    "$name is in the store."
} finally {
    $session | Disconnect-GpuSession
}
