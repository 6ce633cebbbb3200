<#
.SYNOPSIS
    What each part of ZipLM is worth: five criteria, with and without repair, on the quickstart's teacher.
.DESCRIPTION
    Prunes the teacher in one shot, without training, by each criterion, once letting the structures that stay take over the
    work of those that go and once not, over several samples of the calibration data, and measures the accuracy on held-out
    texts. Three tables:

    1. To target speedups. Each criterion's own priors choose the levels; one latency table serves all. What is compared is
       the whole: who goes, repair, and the levels that follow from both.
    2. With the levels that ZipLM with repair chose for the target: who goes, and repair, alone.
    3. At equal levels, the same in every layer: who goes, and repair, alone.

    examples/quickstart.ps1 makes the teacher. Takes about 17 minutes on two cores.
.PARAMETER Store
    The store of the quickstart.
.PARAMETER Speedup
    The targets.
.PARAMETER Heads
    Heads that are left in every layer in the second table, one value a column.
.PARAMETER Width
    Feed-forward columns that are left in every layer in the second table, one value a column; widths of the latency table.
.PARAMETER Seed
    Seeds of the sample that the statistics are taken from.
.PARAMETER Texts
    Held-out texts to judge by, spread evenly over all there are.
.PARAMETER OutFile
    Also write every single result to this file, as comma-separated values.
.EXAMPLE
    dotnet run -c Release --project src/ZipLM.Host -- examples/experiments/criteria.ps1
.EXAMPLE
    ./examples/experiments/criteria.ps1 -Speedup 2, 3, 4, 6 -OutFile criteria.csv
    At the prompt of pwsh: a list that stands behind pwsh -File arrives as one word.
#>
param(
    [string] $Store,
    [double[]] $Speedup = @(2, 3, 4),
    [int[]] $Heads = @(2, 1),
    [int[]] $Width = @(130, 33),
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

# The same ranking with priors that leave the search no choice: it takes the cheapest levels, and above 1 none at all.
function Set-Level($rows, $layers) {
    $list = [System.Collections.Generic.List[ZipLM.StructureSaliency]]::new()
    foreach ($r in $rows) {
        $shape = $layers[$r.Layer]
        $dense, $level = if ($r.Sublayer -eq 'Attention') { $r.Model.DenseHeads, $shape.Heads } else { $r.Model.DenseWidth, $shape.Width }
        $list.Add([ZipLM.StructureSaliency] @{
            Model = $r.Model; Layer = $r.Layer; Sublayer = $r.Sublayer; Index = $r.Index; Criterion = $r.Criterion; Repair = $r.Repair
            Saliency = $r.Saliency; Order = $r.Order; Rank = $r.Rank; RequestedDamping = $r.RequestedDamping; Damping = $r.Damping
            Condition = $r.Condition; PriorAfter = $(if ($dense - $r.Order -eq $level) { -1 } else { 2 })
        })
    }
    $list.ToArray()
}

$table = $null
$dense = $null
$results = foreach ($s in $Seed) {
    # The sample is drawn by the session's seed.
    Get-GpuSession | Disconnect-GpuSession
    [void] (Connect-GpuSession -Device cpu -Seed $s)
    $bert = Get-Model $teacher
    $train = Import-TextDataset "$folder/train.tsv"
    $judges = Select-Text (Import-TextDataset "$folder/dev.tsv" -Label $bert.Labels) $Texts
    if (-not $table) {
        $table = $bert | Measure-LayerLatency -CalibrationData $train
        $dense = $bert | Measure-Model -Data $judges -Rounds 60
    }
    $common = @{ CalibrationData = $train; LatencyTable = $table }
    # ZipLM with repair is the first of all.
    $plans = [ordered] @{}
    foreach ($criterion in [Enum]::GetValues([ZipLM.PruningCriterion])) {
        foreach ($noRepair in $false, $true) {
            $columns = [System.Collections.Generic.List[string]]::new()
            $pruned = [System.Collections.Generic.List[object]]::new()
            $bert | Invoke-StructuredPrune -Speedup $Speedup -Criterion $criterion -NoRepair:$noRepair -Rounds 60 @common | ForEach-Object {
                $columns.Add("$($_.Pruning.TargetSpeedup)×")
                $pruned.Add($_)
                if ($criterion -eq 'ZipLM' -and -not $noRepair) { $plans["$($_.Pruning.TargetSpeedup)× plan"] = $_.Layers }
            }
            $rows = $bert | Get-StructureSaliency -Criterion $criterion -NoRepair:$noRepair -CalibrationData $train
            $given = [ordered] @{}
            foreach ($plan in $plans.GetEnumerator()) { $given[$plan.Key] = $plan.Value }
            for ($i = 0; $i -lt $Heads.Count; $i++) {
                $given["$($Heads[$i]) heads, width $($Width[$i])"] = @(foreach ($layer in $bert.Layers) { @{ Heads = $Heads[$i]; Width = $Width[$i] } })
            }
            foreach ($plan in $given.GetEnumerator()) {
                $columns.Add($plan.Key)
                $pruned.Add(($bert | Invoke-StructuredPrune -Speedup 1.1 -Saliency (Set-Level $rows $plan.Value) -Rounds 10 @common))
            }

            $measured = @($pruned | Measure-Model -Data $judges -Baseline $bert -Rounds 60)
            for ($i = 0; $i -lt $measured.Count; $i++) {
                $how = $pruned[$i].Pruning
                [pscustomobject] @{
                    Criterion = $criterion; Repair = $how.Repair; Seed = $s; Shape = "$($pruned[$i].Layers.Heads) / $($pruned[$i].Layers.Width)"
                    Column = $columns[$i]; Accuracy = $measured[$i].Quality; Loss = $measured[$i].Loss
                    Predicted = $how.PredictedSpeedup; Measured = $measured[$i].Speedup
                }
                $pruned[$i].Dispose()
            }
        }
    }
}
Get-GpuSession | Disconnect-GpuSession

function Show-Table([string[]] $columns) {
    $line = '{0,-12}{1,-8}' -f 'Criterion', 'Repair'
    foreach ($column in $columns) { $line += '{0,-36}' -f $column }
    $line.TrimEnd()
    foreach ($repair in $true, $false) {
        foreach ($criterion in [Enum]::GetValues([ZipLM.PruningCriterion])) {
            $line = '{0,-12}{1,-8}' -f $criterion, $(if ($repair) { 'yes' } else { 'no' })
            foreach ($column in $columns) {
                $cell = @($results | Where-Object { $_.Criterion -eq $criterion -and $_.Repair -eq $repair -and $_.Column -eq $column })
                $accuracies = [double[]] $cell.Accuracy
                $line += '{0,-36}' -f ('{0:0.0000} ± {1:0.0000} {2:0.000} ({3:0.00}×)' -f (Get-Mean $accuracies), (Get-Spread $accuracies), (Get-Mean ([double[]] $cell.Loss)), (Get-Mean ([double[]] $cell.Measured)))
            }
            $line.TrimEnd()
        }
    }
    ''
}

"Accuracy after pruning in one shot, mean ± standard deviation over $($Seed.Count) calibration samples, and mean loss; $($dense.Samples) held-out texts."
"Dense: $($dense.Quality.ToString('0.0000')), loss $($dense.Loss.ToString('0.000')). In brackets the mean measured speedup."
''
'To a target speedup, each with the levels that its own priors choose:'
Show-Table @(foreach ($target in $Speedup) { "$target×" })
'With the levels that ZipLM with repair chose for the target:'
Show-Table @(foreach ($target in $Speedup) { "$target× plan" })
'At equal levels, the same in every layer:'
Show-Table @(for ($i = 0; $i -lt $Heads.Count; $i++) { "$($Heads[$i]) heads, width $($Width[$i])" })
"[$([int] $clock.Elapsed.TotalSeconds) s]"

if ($file) {
    $rows = [System.Collections.Generic.List[string]]::new()
    $rows.Add('criterion,repair,levels,seed,accuracy,loss,predicted_speedup,measured_speedup,heads_and_widths')
    foreach ($r in $results) {
        $rows.Add("$($r.Criterion),$($r.Repair),$($r.Column.Replace(',', '')),$($r.Seed),$($r.Accuracy),$($r.Loss),$($r.Predicted),$($r.Measured),$($r.Shape)")
    }
    [System.IO.File]::WriteAllLines($file, $rows)
}
