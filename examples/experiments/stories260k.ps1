<#
.SYNOPSIS
    A trained LLaMA of 260,032 parameters on its own stories: as it is, pruned, and distilled.
.DESCRIPTION
    The checkpoint (stories260K of llama2.c, with Hugging Face's names) comes with its vocabulary as pieces and scores,
    tok512.json. This writes them as tokenizer.model, SentencePiece's file, beside a copy of the checkpoint: from then on it
    is a model directory like any other, which Get-Model reads. Then the perplexity per token on stories that calibration and
    distillation do not see: of the model, after pruning in one shot, and after a short distillation.

    The dense model's perplexity is about 3.5. At 1.5× and after the distillation it must stay below -Bound: the script ends
    with an error where it doesn't. About ten minutes on two cores.
.PARAMETER Model
    The checkpoint's folder: config.json, model.safetensors, tok512.json.
.PARAMETER Stories
    A text file of stories, <|endoftext|> between them; also .gz.
.PARAMETER Speedup
    The targets.
.PARAMETER Bound
    Most perplexity that the distilled model may have at the first target.
.PARAMETER Judges
    Stories at the beginning of the file to measure on.
.PARAMETER Epochs
    Passes of the distillation.
.PARAMETER Keep
    Where to keep the converted model; a temporary folder unless given.
.EXAMPLE
    dotnet run -c Release --project src/ZipLM.Host -- examples/experiments/stories260k.ps1 -Model stories260k -Stories stories.txt.gz
#>
param(
    [Parameter(Mandatory)] [string] $Model,
    [Parameter(Mandatory)] [string] $Stories,
    [double[]] $Speedup = @(1.5, 2, 3, 4),
    [double] $Bound = 5,
    [int] $Judges = 40,
    [double] $Epochs = 1,
    [string] $Keep
)

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$clock = [System.Diagnostics.Stopwatch]::StartNew()
Import-Module ([System.IO.Path]::GetFullPath("$PSScriptRoot/../../ZipLM.psd1"))
$paths = $ExecutionContext.SessionState.Path

# Pieces and scores as SentencePiece's protocol buffer: a message for each piece (text, score, kind), then the kind of model, BPE.
function Export-SentencePiece([string] $json, [string] $path) {
    $document = [System.Text.Json.JsonDocument]::Parse([System.IO.File]::ReadAllText($json))
    $file = [System.IO.MemoryStream]::new()
    $id = 0
    foreach ($pair in $document.RootElement.EnumerateArray()) {
        # llama2.c writes line ends around control pieces, and spaces for SentencePiece's mark.
        $piece = $pair[0].GetString()
        $kind = if ($id -eq 0) { 2 } elseif ($id -le 2) { 3 } elseif ($piece -match '^<0x[0-9A-F]{2}>$') { 6 } else { 1 }
        $piece = if ($kind -eq 3) { $piece.Trim() } else { $piece.Replace(' ', [string] [char] 0x2581) }
        $text = [System.Text.Encoding]::UTF8.GetBytes($piece)
        $message = [byte[]] (@(0x0A, $text.Length) + $text + @(0x15) + [BitConverter]::GetBytes([float] $pair[1].GetDouble()) + @(0x18, $kind))
        if ($message.Length -gt 127) { throw "The piece $id of '$json' is too long." }
        $file.WriteByte(0x0A)
        $file.WriteByte($message.Length)
        $file.Write($message, 0, $message.Length)
        $id++
    }

    $file.Write([byte[]] (0x12, 2, 0x18, 2), 0, 4)
    [System.IO.File]::WriteAllBytes($path, $file.ToArray())
}

$source = $paths.GetUnresolvedProviderPathFromPSPath($Model)
$folder = if ($Keep) { [System.IO.Directory]::CreateDirectory($paths.GetUnresolvedProviderPathFromPSPath($Keep)).FullName } else { [System.IO.Directory]::CreateTempSubdirectory('ziplm-stories-').FullName }
try {
    foreach ($name in 'config.json', 'model.safetensors') { [System.IO.File]::WriteAllBytes("$folder/$name", [System.IO.File]::ReadAllBytes("$source/$name")) }
    Export-SentencePiece "$source/tok512.json" "$folder/tokenizer.model"

    $dense = Get-Model $folder
    $all = Import-TextDataset $Stories -Delimiter '<|endoftext|>'
    $train = [ZipLM.TextDataset]::new('stories', [ZipLM.TextExample[]] $all.Examples[$Judges..($all.Count - 1)], [string[]] @())
    $test = [ZipLM.TextDataset]::new('held out', [ZipLM.TextExample[]] $all.Examples[0..($Judges - 1)], [string[]] @())
    $common = @{ Data = $test; Baseline = $dense; Rounds = 30 }

    '{0,-8}{1,-14}{2,12}{3,12}{4,20}{5,12}' -f 'Target', 'Model', 'Perplexity', 'Next right', 'Speedup', 'Parameters'
    $reached = @{}
    function Show-Row([string] $target, [string] $what, $model) {
        $row = $model | Measure-Model @common
        $reached["$target $what"] = $row.Quality
        '{0,-8}{1,-14}{2,12:0.000}{3,12:0.0000}{4,20}{5,12}' -f $target, $what, $row.Quality, $row.Metrics['token_accuracy'],
            ('{0:0.00}× ± {1:0.0} %' -f $row.Speedup, (100 * $row.SpeedupSpread)), $model.Parameters
    }

    Show-Row '1×' 'dense' $dense
    # A target that cannot be reached is told, and the others go on.
    $dense | Invoke-StructuredPrune -Speedup $Speedup -CalibrationData $train -Rounds 50 -ErrorAction Continue | ForEach-Object {
        $target = "$($_.TargetSpeedup)×"
        Show-Row $target 'one-shot' $_
        $distilled = $_ | Start-TokenDistillation -Teacher $dense -TrainingData $train -Epochs $Epochs -BatchSize 16 -LearningRate 1e-3 -MaximumLength 256 -InformationAction Ignore |
            Receive-Job -Wait -AutoRemoveJob -InformationAction Ignore
        Show-Row $target 'distilled' $distilled
        $distilled.Dispose()
        $_.Dispose()
    }

    ''
    "Perplexity per token of $($test.Count) stories, each token but the first of a story told once; distilled on $($train.Count) others. [$([int] $clock.Elapsed.TotalSeconds) s]"
    $first = $reached["$($Speedup[0])× distilled"]
    if ($null -eq $first -or $first -ge $Bound) { throw "The distilled model's perplexity at $($Speedup[0])× is '$first', which is not below the bound of $Bound." }
}
finally {
    Get-GpuSession | Disconnect-GpuSession
    if (-not $Keep) { [System.IO.Directory]::Delete($folder, $true) }
}
