<#
.SYNOPSIS
    Sentiment at one, two, three and four times the speed: a small BERT trained from nothing on SST-2.
.DESCRIPTION
    Trains a BERT of four layers on the phrases of SST-2, prunes it to each target in one shot, lets every result learn from
    the dense model, and measures all of them on the held-out sentences, on other data where some is given, and on misspelt
    sentences. There is no pretrained checkpoint behind it, so accuracies are those of a small model that has read nothing
    else. About five minutes on two cores.
.PARAMETER Data
    A folder with train.tsv and dev.tsv of SST-2 (columns sentence and label).
.PARAMETER Other
    Files of other sentences with the same labels: out of distribution.
.PARAMETER Speedup
    The targets.
.PARAMETER Rows
    Training rows, spread evenly over all there are.
.PARAMETER Epochs
    Passes of the training; each distillation is one.
.EXAMPLE
    dotnet run -c Release --project src/ZipLM.Host -- examples/experiments/sst2.ps1 -Data glue/SST-2
    Dense, and one-shot and distilled at 2×, 3× and 4×.
.EXAMPLE
    ./examples/experiments/sst2.ps1 -Data glue/SST-2 -Other yelp.tsv, imdb.tsv -Epochs 5
    At the prompt of pwsh: a list that stands behind pwsh -File arrives as one word.
#>
param(
    [Parameter(Mandatory)] [string] $Data,
    [string[]] $Other = @(),
    [double[]] $Speedup = @(2, 3, 4),
    [int] $Rows = 20000,
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

$folder = [System.IO.Directory]::CreateTempSubdirectory('ziplm-sst2-').FullName
try {
    $train = Select-Row (Import-TextDataset "$Data/train.tsv" -Task sst2) $Rows
    $sets = @(Import-TextDataset "$Data/dev.tsv" -Task sst2) + @(foreach ($file in $Other) { Import-TextDataset $file -Task sst2 })
    $training = @{ TrainingData = $train; BatchSize = 64; LearningRate = 1e-3; MaximumLength = 64; InformationAction = 'Ignore' }
    New-Model -Name sst2 -Layers 4 -HiddenSize 128 -Heads 4 -MaximumSequenceLength 128 -TrainingData $train -VocabularySize 8000 -Task SequenceClassification |
        Start-ModelTraining @training -Epochs $Epochs | Receive-Job -Wait -AutoRemoveJob -InformationAction Ignore | Export-Model -Path "$folder/dense"
    $dense = Get-Model "$folder/dense"
    $common = @{ Data = $sets; Perturbation = 'Typo'; Baseline = $dense; Rounds = 60 }

    $line = '{0,-8}{1,-14}' -f 'Target', 'Model'
    foreach ($set in $sets) { $line += '{0,10}{1,10}' -f $set.Name, '+ typos' }
    $line + '{0,20}{1,10}' -f 'Speedup', 'Million'
    function Show-Row([string] $target, [string] $what, $model, $measured) {
        $line = '{0,-8}{1,-14}' -f $target, $what
        foreach ($row in $measured) { $line += '{0,10:0.0000}' -f $row.Quality }
        $line + '{0,20}{1,10:0.00}' -f ('{0:0.00}× ± {1:0.0} %' -f $measured[0].Speedup, (100 * $measured[0].SpeedupSpread)), ($model.Parameters / 1e6)
    }

    Show-Row '1×' 'dense' $dense @($dense | Measure-Model @common)
    # A target that cannot be reached is told, and the others go on.
    $dense | Invoke-StructuredPrune -Speedup $Speedup -CalibrationData $train -ErrorAction Continue | ForEach-Object {
        $target = "$($_.TargetSpeedup)×"
        Show-Row $target 'one-shot' $_ @($_ | Measure-Model @common)
        $distilled = $_ | Start-TokenDistillation @training -Epochs 1 -Teacher $dense | Receive-Job -Wait -AutoRemoveJob -InformationAction Ignore
        Show-Row $target 'distilled' $distilled @($distilled | Measure-Model @common)
        $distilled.Dispose()
        $_.Dispose()
    }

    ''
    "Accuracy on $($sets[0].Count) sentences$(if ($Other) { ', and on other data' }), as they are and with one word in ten misspelt; trained on $($train.Count) rows. [$([int] $clock.Elapsed.TotalSeconds) s]"
}
finally {
    Get-GpuSession | Disconnect-GpuSession
    [System.IO.Directory]::Delete($folder, $true)
}
