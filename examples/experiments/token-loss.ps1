<#
.SYNOPSIS
    What the token loss is worth: distillation with it and without it, on the quickstart's teacher.
.DESCRIPTION
    Prunes the teacher to each target once, distils the result with each seed three ways - labels and logits alone, with the
    token loss, and with the token loss between the most similar blocks - and measures the accuracy on held-out texts.

    examples/quickstart.ps1 makes the teacher. Every distillation keeps a checkpoint and every pruned model is exported, so that
    the script goes on where it was stopped, and prints the table at once when all is done.
.PARAMETER Store
    The store of the quickstart.
.PARAMETER Speedup
    The targets.
.PARAMETER Seed
    Seeds of the order of the data and of dropout.
.PARAMETER Epochs
    Passes over the data.
.PARAMETER LearningRate
    The largest learning rate.
.PARAMETER TokenWeight
    The weight of the token loss, where there is one.
.PARAMETER OutFile
    Also write every single result to this file, as comma-separated values.
.EXAMPLE
    dotnet run -c Release --project src/ZipLM.Host -- examples/experiments/token-loss.ps1
.EXAMPLE
    pwsh -File examples/experiments/token-loss.ps1 -Speedup 4 -Seed 1 -Epochs 1
#>
param(
    [string] $Store,
    [double[]] $Speedup = @(3, 6),
    [int[]] $Seed = @(1, 2, 3),
    [double] $Epochs = 4,
    [double] $LearningRate = 1e-3,
    [double] $TokenWeight = 0.01,
    [string] $OutFile
)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$clock = [System.Diagnostics.Stopwatch]::StartNew()
Import-Module ([System.IO.Path]::GetFullPath("$PSScriptRoot/../../ZipLM.psd1"))

if (-not $Store) { $Store = [System.IO.Path]::Combine([Environment]::GetFolderPath('LocalApplicationData'), 'ziplm', 'quickstart') }
$paths = $ExecutionContext.SessionState.Path
$folder = [System.IO.Path]::Combine($paths.GetUnresolvedProviderPathFromPSPath($Store), 'dotnet-documentation')
if (-not [System.IO.Directory]::Exists("$folder/models/bert")) { throw "There is no teacher in '$folder/models/bert': run examples/quickstart.ps1 first, with the same -Store." }
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

$ways = @(
    @{ Name = 'without token loss'; Options = @{ TokenWeight = 0 } }
    @{ Name = 'with token loss'; Options = @{ TokenWeight = $TokenWeight } }
    @{ Name = 'with, most similar blocks'; Options = @{ TokenWeight = $TokenWeight; LayerMatching = 'Similarity' } }
)

$teacher = Get-Model "$folder/models/bert"
$train = Import-TextDataset "$folder/train.tsv"
$dev = Import-TextDataset "$folder/dev.tsv" -Label $teacher.Labels
$dense = $teacher | Measure-Model -Data $dev -Rounds 3
$runs = "$folder/token-loss"
$results = foreach ($target in $Speedup) {
    $place = "$runs/pruned-$($target)x"
    if (-not [System.IO.Directory]::Exists($place)) {
        $teacher | Invoke-StructuredPrune -Speedup $target -CalibrationData $train | Export-Model -Path $place
    }
    $pruned = Get-Model $place
    foreach ($s in $Seed) {
        foreach ($way in $ways) {
            # The options are part of the name: another weight or length is another run.
            $name = "$($target)x seed $s $($way.Name) $($way.Options.TokenWeight) $Epochs $LearningRate"
            $options = $way.Options
            $student = $pruned |
                Start-TokenDistillation -TrainingData $train -Teacher $teacher -Seed $s -Epochs $Epochs -BatchSize 64 -LearningRate $LearningRate -MaximumLength 64 -CheckpointPath "$runs/$name" @options |
                Receive-Job -Wait -AutoRemoveJob -InformationVariable ignored
            $measured = $student | Measure-Model -Data $dev -Rounds 3
            $student.Dispose()
            [Console]::Error.WriteLine("$name`: $($measured.Quality.ToString('0.0000')) [$([int] $clock.Elapsed.TotalSeconds) s]")
            [pscustomobject] @{ Target = $target; Way = $way.Name; Seed = $s; Accuracy = $measured.Quality; Loss = $measured.Loss; Measured = $pruned.MeasuredSpeedup }
        }
    }
    $pruned.Dispose()
}

"Accuracy after distillation ($Epochs epochs), mean ± standard deviation over $($Seed.Count) seeds; $($dense.Samples) held-out texts. Dense: $($dense.Quality.ToString('0.0000'))."
''
$line = '{0,-28}' -f ''
foreach ($target in $Speedup) { $line += '{0,-26}' -f "$target× (measured $((@($results | Where-Object { $_.Target -eq $target })[0].Measured).ToString('0.00'))×)" }
$line.TrimEnd()
foreach ($way in $ways) {
    $line = '{0,-28}' -f $way.Name
    foreach ($target in $Speedup) {
        $accuracies = [double[]] @($results | Where-Object { $_.Target -eq $target -and $_.Way -eq $way.Name }).Accuracy
        $line += '{0,-26}' -f ('{0:0.0000} ± {1:0.0000}' -f (Get-Mean $accuracies), (Get-Spread $accuracies))
    }
    $line.TrimEnd()
}
"[$([int] $clock.Elapsed.TotalSeconds) s]"

if ($file) {
    $rows = [System.Collections.Generic.List[string]]::new()
    $rows.Add('target,way,seed,accuracy,loss,measured_speedup')
    foreach ($r in $results) { $rows.Add("$($r.Target),$($r.Way),$($r.Seed),$($r.Accuracy),$($r.Loss),$($r.Measured)") }
    [System.IO.File]::WriteAllLines($file, $rows)
}
