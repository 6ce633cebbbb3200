<#
.SYNOPSIS
    What each part of ZipLM is worth: five criteria, with and without repair, on the quickstart's teacher.
.DESCRIPTION
    Prunes the teacher in one shot, without training, to each target by each criterion, once letting the structures that stay
    take over the work of those that go and once not, over several samples of the calibration data, and measures the accuracy
    on held-out texts. One latency table serves all, so that the criteria choose from the same times; every model is measured
    against the dense one in turns, and corrected until it keeps its target, as Invoke-StructuredPrune always does.

    examples/quickstart.ps1 makes the teacher. Takes about five minutes on two cores.
.PARAMETER Store
    The store of the quickstart.
.PARAMETER Speedup
    The targets.
.PARAMETER Seed
    Seeds of the sample that the statistics are taken from.
.PARAMETER Texts
    Held-out texts to judge by, spread evenly over all there are.
.PARAMETER OutFile
    Also write every single result to this file, as comma-separated values.
.EXAMPLE
    dotnet run -c Release --project src/ZipLM.Host -- examples/experiments/criteria.ps1
.EXAMPLE
    pwsh -File examples/experiments/criteria.ps1 -Speedup 2, 3, 4, 6 -OutFile criteria.csv
#>
param(
    [string] $Store,
    [double[]] $Speedup = @(2, 3, 4),
    [int[]] $Seed = @(1, 2, 3),
    [int] $Texts = 2500,
    [string] $OutFile
)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$clock = [System.Diagnostics.Stopwatch]::StartNew()
Import-Module ([System.IO.Path]::GetFullPath("$PSScriptRoot/../../ZipLM.psd1"))

if (-not $Store) { $Store = [System.IO.Path]::Combine([Environment]::GetFolderPath('LocalApplicationData'), 'ziplm', 'quickstart') }
$paths = $ExecutionContext.SessionState.Path
$folder = [System.IO.Path]::Combine($paths.GetUnresolvedProviderPathFromPSPath($Store), 'dotnet-documentation')
$teacher = "$folder/models/bert"
if (-not [System.IO.Directory]::Exists($teacher)) { throw "There is no teacher in '$teacher': run examples/quickstart.ps1 first, with the same -Store." }
$file = if ($OutFile) { $paths.GetUnresolvedProviderPathFromPSPath($OutFile) }

function Get-Mean([double[]] $values) {
    $sum = 0.0
    foreach ($value in $values) { $sum += $value }
    $sum / $values.Count
}

# The standard deviation over the seeds.
function Get-Spread([double[]] $values) {
    if ($values.Count -lt 2) { return 0.0 }
    $mean = Get-Mean $values
    $sum = 0.0
    foreach ($value in $values) { $sum += ($value - $mean) * ($value - $mean) }
    [Math]::Sqrt($sum / ($values.Count - 1))
}

# Every so manieth row: the file is in the order of the documentation.
function Select-Text($data, [int] $count) {
    $examples = [System.Collections.Generic.List[ZipLM.TextExample]]::new()
    $step = [Math]::Max(1.0, $data.Count / $count)
    for ($at = 0.0; $at -lt $data.Count; $at += $step) { $examples.Add($data.Examples[[int] [Math]::Floor($at)]) }
    [ZipLM.TextDataset]::new($data.Name, $examples, $data.Labels, $data.Reference)
}

$table = $null
$dense = $null
$results = foreach ($s in $Seed) {
    # The sample is drawn by the session's seed.
    Get-GpuSession | Disconnect-GpuSession
    [void] (Connect-GpuSession -Device cpu -Seed $s)
    $bert = Get-Model $teacher
    $judges = Select-Text (Import-TextDataset "$folder/dev.tsv" -Label $bert.Labels) $Texts
    if (-not $table) {
        $table = $bert | Measure-LayerLatency
        $dense = $bert | Measure-Model -Data $judges
    }
    foreach ($criterion in [Enum]::GetValues([ZipLM.PruningCriterion])) {
        $pruned = foreach ($noRepair in $false, $true) {
            $bert | Invoke-StructuredPrune -Speedup $Speedup -Criterion $criterion -NoRepair:$noRepair -LatencyTable $table -Rounds 60
        }
        $measured = @($pruned | Measure-Model -Data $judges -Baseline $bert)
        for ($i = 0; $i -lt $measured.Count; $i++) {
            $how = $pruned[$i].Pruning
            [pscustomobject] @{
                Criterion = $criterion; Repair = $how.Repair; Target = $how.TargetSpeedup; Seed = $s
                Accuracy = $measured[$i].Quality; Loss = $measured[$i].Loss; Predicted = $how.PredictedSpeedup; Measured = $measured[$i].Speedup
                Heads = $pruned[$i].Layers | ForEach-Object Heads; Widths = $pruned[$i].Layers | ForEach-Object Width; Prior = $how.Plan.Prior
            }
            $pruned[$i].Dispose()
        }
    }
}
Get-GpuSession | Disconnect-GpuSession

"Accuracy after pruning in one shot, mean ± standard deviation over $($Seed.Count) calibration samples; $($dense.Samples) held-out texts."
"Dense: $($dense.Quality.ToString('0.0000')). In brackets the mean measured speedup."
''
$line = '{0,-12}{1,-8}' -f 'Criterion', 'Repair'
foreach ($target in $Speedup) { $line += '{0,-28}' -f "$target×" }
$line.TrimEnd()
foreach ($repair in $true, $false) {
    foreach ($criterion in [Enum]::GetValues([ZipLM.PruningCriterion])) {
        $line = '{0,-12}{1,-8}' -f $criterion, $(if ($repair) { 'yes' } else { 'no' })
        foreach ($target in $Speedup) {
            $cell = $results | Where-Object { $_.Criterion -eq $criterion -and $_.Repair -eq $repair -and $_.Target -eq $target }
            $accuracies = [double[]] ($cell | ForEach-Object Accuracy)
            $line += '{0,-28}' -f ('{0:0.0000} ± {1:0.0000} ({2:0.00}×)' -f (Get-Mean $accuracies), (Get-Spread $accuracies), (Get-Mean ([double[]] ($cell | ForEach-Object Measured))))
        }
        $line.TrimEnd()
    }
}
''
"[$([int] $clock.Elapsed.TotalSeconds) s]"

if ($file) {
    $rows = [System.Collections.Generic.List[string]]::new()
    $rows.Add('criterion,repair,target,seed,accuracy,loss,predicted_speedup,measured_speedup,prior,heads,widths')
    foreach ($r in $results) {
        $rows.Add([string]::Join(',', @($r.Criterion, $r.Repair, $r.Target, $r.Seed, $r.Accuracy, $r.Loss, $r.Predicted, $r.Measured, $r.Prior, [string] $r.Heads, [string] $r.Widths)))
    }
    [System.IO.File]::WriteAllLines($file, $rows)
}
