<#
.SYNOPSIS
    Question answering at one, two, three and four times the speed: a small BERT trained from nothing on SQuAD v1.1.
.DESCRIPTION
    Trains a BERT of four layers on questions of SQuAD, prunes it to each target in one shot, lets every result learn from the
    dense model, and measures F1 and exact match by the official normalisation over windows of the contexts. Nothing is
    pretrained, and without that extractive question answering is barely learnt: the figures compare a model with its pruned
    selves, and say nothing of what BERT can do. About ten minutes on two cores.
.PARAMETER Data
    A folder with the JSON files of SQuAD v1.1.
.PARAMETER Train
    The name of the file to train on; unless given train-v1.1.json, or train-part.json where that is what there is.
.PARAMETER Dev
    The name of the file to measure on; unless given dev-v1.1.json, or dev-part.json.
.PARAMETER Speedup
    The targets.
.PARAMETER Rows
    Questions to train on, spread evenly over all there are.
.PARAMETER Questions
    Questions to measure on.
.PARAMETER Epochs
    Passes of the training; each distillation is one.
.EXAMPLE
    dotnet run -c Release --project src/ZipLM.Host -- examples/experiments/squad.ps1 -Data squad
    Dense, and one-shot and distilled at 2×, 3× and 4×.
.EXAMPLE
    pwsh -File examples/experiments/squad.ps1 -Data squad -Train train-v1.1.json -Dev dev-v1.1.json -Rows 87599 -Questions 10570 -Epochs 3
#>
param(
    [Parameter(Mandatory)] [string] $Data,
    [string] $Train,
    [string] $Dev,
    [double[]] $Speedup = @(2, 3, 4),
    [int] $Rows = 4000,
    [int] $Questions = 500,
    [double] $Epochs = 3
)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$clock = [System.Diagnostics.Stopwatch]::StartNew()
Import-Module ([System.IO.Path]::GetFullPath("$PSScriptRoot/../../ZipLM.psd1"))

# Every so manieth row.
function Select-Row($data, [int] $count) {
    if ($count -ge $data.Count) { return $data }
    $examples = [System.Collections.Generic.List[ZipLM.TextExample]]::new()
    for ($i = 0; $i -lt $count; $i++) { $examples.Add($data.Examples[[int] [Math]::Floor($i * ($data.Count / $count))]) }
    [ZipLM.TextDataset]::new($data.Name, $examples, $data.Labels, $data.Reference)
}

function Find-File([string] $name, [string] $use) {
    if ($name) { return "$Data/$name" }
    foreach ($known in "$use-v1.1.json", "$use-part.json") { if ([System.IO.File]::Exists($paths.GetUnresolvedProviderPathFromPSPath("$Data/$known"))) { return "$Data/$known" } }
    throw "There is neither $use-v1.1.json nor $use-part.json in '$Data': name the file with -$use."
}

$paths = $ExecutionContext.SessionState.Path
$folder = [System.IO.Directory]::CreateTempSubdirectory('ziplm-squad-').FullName
try {
    $studied = Select-Row (Import-TextDataset (Find-File $Train train) -Format squad) $Rows
    $judges = Select-Row (Import-TextDataset (Find-File $Dev dev) -Format squad) $Questions
    $training = @{ TrainingData = $studied; BatchSize = 32; LearningRate = 1e-3; MaximumLength = 192; InformationAction = 'Ignore' }
    New-Model -Name squad -Layers 4 -HiddenSize 128 -Heads 4 -MaximumSequenceLength 256 -TrainingData $studied -VocabularySize 8000 |
        Start-ModelTraining @training -Epochs $Epochs | Receive-Job -Wait -AutoRemoveJob -InformationAction Ignore | Export-Model -Path "$folder/dense"
    $dense = Get-Model "$folder/dense"
    $common = @{ Data = $judges; Baseline = $dense; Rounds = 30 }

    '{0,-8}{1,-14}{2,8}{3,14}{4,10}{5,20}{6,10}' -f 'Target', 'Model', 'F1', 'Exact match', 'Loss', 'Speedup', 'Million'
    function Show-Row([string] $target, [string] $what, $model) {
        $row = $model | Measure-Model @common
        '{0,-8}{1,-14}{2,8:0.00}{3,14:0.00}{4,10:0.000}{5,20}{6,10:0.00}' -f $target, $what, (100 * $row.Metrics['f1']), (100 * $row.Metrics['exact_match']), $row.Loss,
            ('{0:0.00}× ± {1:0.0} %' -f $row.Speedup, (100 * $row.SpeedupSpread)), ($model.Parameters / 1e6)
    }

    Show-Row '1×' 'dense' $dense
    # A target that cannot be reached is told, and the others go on.
    $dense | Invoke-StructuredPrune -Speedup $Speedup -CalibrationData $studied -Rounds 50 -ErrorAction Continue | ForEach-Object {
        $target = "$($_.TargetSpeedup)×"
        Show-Row $target 'one-shot' $_
        $distilled = $_ | Start-TokenDistillation @training -Epochs 1 -Teacher $dense | Receive-Job -Wait -AutoRemoveJob -InformationAction Ignore
        Show-Row $target 'distilled' $distilled
        $distilled.Dispose()
        $_.Dispose()
    }

    ''
    "F1 and exact match in percent of $($judges.Count) questions; loss: mean cross-entropy of start and end. Trained on $($studied.Count) questions. [$([int] $clock.Elapsed.TotalSeconds) s]"
}
finally {
    Get-GpuSession | Disconnect-GpuSession
    [System.IO.Directory]::Delete($folder, $true)
}
