<#
.SYNOPSIS
    From text to a distilled BERT that is three times as fast, on a machine that has only the .NET SDK.
.DESCRIPTION
    Reads the English documentation of .NET's reference assemblies, which comes with every SDK, and sorts its summaries
    by topic: the first two parts of the namespace. Trains a small BERT on them, registers it as 'bert' in a model store of
    its own, prunes it with one line, lets it learn from its teacher again, and measures all three. A second run with the same
    data takes the teacher from the store.
.PARAMETER Data
    A file with the columns text and label (TSV, CSV, JSON lines) to use in place of the documentation.
.PARAMETER Speedup
    The target.
.PARAMETER Store
    Where data and models are kept.
.PARAMETER TeacherOnly
    Stops once the teacher is in the store.
.PARAMETER Json
    Makes the last line one JSON object with the figures.
.EXAMPLE
    dotnet run -c Release --project src/ZipLM.Host -- examples/quickstart.ps1
.EXAMPLE
    pwsh -File examples/quickstart.ps1 -Data tickets.tsv -Speedup 2
#>
param(
    [string] $Data,
    [double] $Speedup = 3,
    [string] $Store,
    [switch] $TeacherOnly,
    [switch] $Json
)

$ErrorActionPreference = 'Stop'
$clock = [System.Diagnostics.Stopwatch]::StartNew()
$module = [System.IO.Path]::GetFullPath("$PSScriptRoot/../ZipLM.psd1")
Import-Module $module

# The words that a reader sees: text, true and null, and the last part of the name of what is referred to.
function Get-SummaryText([System.Xml.XmlNode] $node, [System.Text.StringBuilder] $text) {
    foreach ($child in $node.ChildNodes) {
        if ($child -is [System.Xml.XmlCharacterData]) { [void] $text.Append($child.Value); continue }
        if ($child -isnot [System.Xml.XmlElement]) { continue }
        if ($child.HasAttribute('langword')) { [void] $text.Append($child.GetAttribute('langword')) }
        elseif ($child.HasAttribute('name')) { [void] $text.Append($child.GetAttribute('name')) }
        elseif ($child.HasAttribute('cref') -and -not $child.HasChildNodes) {
            $name = $child.GetAttribute('cref').Split('(')[0].Split('`')[0]
            [void] $text.Append($name.Substring($name.LastIndexOf('.') + 1).TrimStart('#'))
        }
        Get-SummaryText $child $text
    }
}

# Distinct summaries and their topic. A summary that stands under two topics belongs to neither.
function Get-DocumentationRow {
    $packs = [System.IO.Path]::GetFullPath("$([System.Runtime.InteropServices.RuntimeEnvironment]::GetRuntimeDirectory())/../../../packs")
    $files = foreach ($pack in 'Microsoft.NETCore.App.Ref', 'Microsoft.AspNetCore.App.Ref') {
        if ([System.IO.Directory]::Exists("$packs/$pack")) {
            $folders = [System.IO.Directory]::GetDirectories("$packs/$pack")
            $versions = [version[]] @(foreach ($folder in $folders) { [System.IO.Path]::GetFileName($folder).Split('-')[0] })
            [Array]::Sort($versions, $folders)
            [System.IO.Directory]::GetFiles($folders[-1], '*.xml', 'AllDirectories')
        }
    }
    if (-not $files) { throw "There is no documentation of reference assemblies under '$packs': install the .NET SDK, or give a file with -Data." }

    $topics = [System.Collections.Generic.Dictionary[string, string]]::new()
    $texts = [System.Collections.Generic.Dictionary[string, string]]::new()
    $space = [regex] '\s+'
    [Array]::Sort($files, [StringComparer]::Ordinal)
    foreach ($file in $files) {
        $document = [System.Xml.XmlDocument]::new()
        $document.Load($file)
        foreach ($member in $document.SelectNodes('/doc/members/member')) {
            $summary = $member.SelectSingleNode('summary')
            if ($null -eq $summary) { continue }
            $builder = [System.Text.StringBuilder]::new()
            Get-SummaryText $summary $builder
            $text = $space.Replace($builder.ToString(), ' ').Trim()
            if ($text.Length -lt 15) { continue }
            $parts = $member.GetAttribute('name').Substring(2).Split('(')[0].Split('.')
            if ($parts.Length -lt 2) { continue }
            $topic = $parts[0] + '.' + $parts[1]
            $key = $text.ToLowerInvariant()
            if (-not $topics.ContainsKey($key)) { $topics[$key] = $topic; $texts[$key] = $text }
            elseif ($topics[$key] -ne $topic) { $topics[$key] = '' }
        }
    }
    foreach ($key in $topics.Keys) {
        if ($topics[$key]) { , @($texts[$key], $topics[$key]) }
    }
}

# One row in ten is kept for judging. The text decides which, so that the same rows are judged in every run.
function Test-HeldOut([string] $text) {
    $hash = [System.Security.Cryptography.SHA256]::HashData([System.Text.Encoding]::UTF8.GetBytes($text.ToLowerInvariant()))
    $hash[0] % 10 -eq 0
}

# The rows of a file of the user's, and their labels.
function Get-GivenRow([string] $file) {
    $given = Import-TextDataset -LiteralPath $file
    if (-not $given.IsLabelled -or $given.Labels.Count -eq 0) { throw "There are rows without a label in '$file': the quickstart needs the columns text and label." }
    foreach ($example in $given.Examples) { , @(($example.Text -replace '\s+', ' '), $given.Labels[$example.Label]) }
}

function Save-Row($rows, [string] $path) {
    $lines = [System.Collections.Generic.List[string]]::new()
    $lines.Add("text`tlabel")
    foreach ($row in $rows) { $lines.Add($row[0] + "`t" + $row[1]) }
    [System.IO.File]::WriteAllLines($path, $lines)
}

# Multinomial naive Bayes over words, with add-one smoothing: what can be had without any of this.
function Measure-NaiveBayes($train, $dev) {
    $word = [regex] '[a-z0-9]+'
    $counts = [System.Collections.Generic.Dictionary[string, int[]]]::new()
    $labels = $train.Labels.Count
    $rows = [int[]]::new($labels)
    $totals = [int[]]::new($labels)
    foreach ($example in $train.Examples) {
        $label = $example.Label
        $rows[$label]++
        foreach ($match in $word.Matches($example.Text.ToLowerInvariant())) {
            $of = $null
            if (-not $counts.TryGetValue($match.Value, [ref] $of)) { $of = [int[]]::new($labels); $counts[$match.Value] = $of }
            $of[$label]++
            $totals[$label]++
        }
    }
    $logs = [System.Collections.Generic.Dictionary[string, double[]]]::new()
    $correct = 0
    foreach ($example in $dev.Examples) {
        $scores = [double[]]::new($labels)
        for ($l = 0; $l -lt $labels; $l++) { $scores[$l] = [Math]::Log($rows[$l] / $train.Count) }
        foreach ($match in $word.Matches($example.Text.ToLowerInvariant())) {
            $log = $null
            if (-not $logs.TryGetValue($match.Value, [ref] $log)) {
                $of = $null
                if (-not $counts.TryGetValue($match.Value, [ref] $of)) { $of = [int[]]::new($labels) }
                $log = [double[]]::new($labels)
                for ($l = 0; $l -lt $labels; $l++) { $log[$l] = [Math]::Log(($of[$l] + 1) / ($totals[$l] + $counts.Count)) }
                $logs[$match.Value] = $log
            }
            for ($l = 0; $l -lt $labels; $l++) { $scores[$l] += $log[$l] }
        }
        $best = 0
        for ($l = 1; $l -lt $labels; $l++) { if ($scores[$l] -gt $scores[$best]) { $best = $l } }
        if ($train.Labels[$best] -eq $dev.Labels[$example.Label]) { $correct++ }
    }
    $correct / $dev.Count
}

# Everything of one data set lies in a folder of its own, named after the file and what is in it; the store is in it too,
# so that no other 'bert' is touched.
$name = 'dotnet-documentation'
if ($Data) {
    $file = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Data)
    if (-not [System.IO.File]::Exists($file)) { throw "There is no file '$file': give -Data one with the columns text and label." }
    $hash = [Convert]::ToHexStringLower([System.Security.Cryptography.SHA256]::HashData([System.IO.File]::ReadAllBytes($file)))
    $name = [System.IO.Path]::GetFileNameWithoutExtension($file) + '-' + $hash.Substring(0, 12)
}
if (-not $Store) { $Store = [System.IO.Path]::Combine([Environment]::GetFolderPath('LocalApplicationData', 'Create'), 'ziplm', 'quickstart') }
$folder = [System.IO.Path]::Combine($ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Store), $name)
[void] [System.IO.Directory]::CreateDirectory($folder)
$storeBefore = $env:ZIPLM_HOME
$env:ZIPLM_HOME = $folder
try {
    # 1. Data
    $trainFile = "$folder/train.tsv"
    $devFile = "$folder/dev.tsv"
    # By its path: the name of a model that is not in the store would be looked for on the hub.
    $teacherFolder = "$folder/models/bert"
    $teacher = if ([System.IO.File]::Exists("$teacherFolder/config.json")) {
        Get-Model -LiteralPath $teacherFolder | Where-Object { $_.Record.TrainingData.Path -eq $trainFile }
    }
    $teacherReused = [bool] $teacher
    if (-not $teacherReused) {
        $rows = @(if ($Data) { Get-GivenRow $file } else { Get-DocumentationRow })
        $sizes = @{}
        foreach ($row in $rows) { $sizes[$row[1]]++ }
        $least = if ($Data) { 1 } else { 600 }
        $seen = [System.Collections.Generic.HashSet[string]]::new()
        $learnt = [System.Collections.Generic.HashSet[string]]::new()
        $train = [System.Collections.Generic.List[object]]::new()
        $dev = [System.Collections.Generic.List[object]]::new()
        foreach ($row in $rows) {
            if ($sizes[$row[1]] -lt $least -or -not $seen.Add($row[0].ToLowerInvariant())) { continue }
            # A label's first row is learnt from: what is judged must have been seen.
            if (-not $learnt.Add($row[1]) -and (Test-HeldOut $row[0])) { $dev.Add($row) } else { $train.Add($row) }
        }
        if ($dev.Count -eq 0) { throw "'$file' has too few rows: none of its $($train.Count) texts is left to judge by." }
        Save-Row $train $trainFile
        Save-Row $dev $devFile
    }
    $trainData = Import-TextDataset $trainFile
    $devData = Import-TextDataset $devFile -Label $trainData.Labels
    "Data: $($trainData.Count) texts to train on, $($devData.Count) held out, $($trainData.Labels.Count) topics. [$([int] $clock.Elapsed.TotalSeconds) s]"

    # 2. Teacher
    if (-not $teacherReused) {
        New-Model -Name topics -Layers 4 -HiddenSize 128 -Heads 4 -MaximumSequenceLength 64 -TrainingData $trainData -VocabularySize 8000 |
            Start-ModelTraining -TrainingData $trainData -ValidationData $devData -Epochs 4 -BatchSize 64 -LearningRate 1e-3 -MaximumLength 64 |
            Receive-Job -Wait -AutoRemoveJob |
            Export-Model -Name bert -Force
        $teacher = Get-Model -LiteralPath $teacherFolder
    }
    "Teacher: $($teacher.Parameters) parameters, $(if ($teacherReused) { 'from the store' } else { 'trained' }). [$([int] $clock.Elapsed.TotalSeconds) s]"

    if ($TeacherOnly) { return }

    # 3. The one line
    $pruned = Get-Model bert | Invoke-StructuredPrune -Speedup $Speedup
    # Out-Default, so that the view ends here and the measurements below get a table of their own.
    $pruned | Out-Default
    "Pruned. [$([int] $clock.Elapsed.TotalSeconds) s]"

    # 4. Getting the accuracy back
    $student = $pruned | Start-TokenDistillation -Epochs 4 -BatchSize 64 -LearningRate 1e-3 -MaximumLength 64 | Receive-Job -Wait -AutoRemoveJob
    $student | Export-Model -Path "$folder/student" -Force
    "Distilled and exported to $folder/student. [$([int] $clock.Elapsed.TotalSeconds) s]"

    # 5. All three side by side; the student as it comes back from disk.
    $student = Get-Model "$folder/student"
    $measured = $teacher, $pruned, $student | Measure-Model -Data $devData -Baseline $teacher
    $measured | Out-Default
    $baseline = Measure-NaiveBayes $trainData $devData
    "Held-out texts right: naive Bayes $($baseline.ToString('P2')), teacher $($measured[0].Quality.ToString('P2')). [$([int] $clock.Elapsed.TotalSeconds) s]"

    # 6. The promise, checked once by a process that knows nothing but the files.
    $figuresFile = "$folder/speedup.json"
    $command = "Import-Module '$module'; Connect-GpuSession -Device $((Get-GpuSession).Device) | ForEach-Object { }; " +
        "Get-Model '$folder/student' | Measure-Model -Data (Import-TextDataset '$devFile') -Baseline (Get-Model '$teacherFolder') -Rounds 100 -OutFile '$figuresFile' -Force | ForEach-Object { }"
    & ([Environment]::ProcessPath) -Command $command
    if ($LASTEXITCODE -ne 0) { throw "The measuring process ended with $LASTEXITCODE." }
    $check = [System.Text.Json.Nodes.JsonNode]::Parse([System.IO.File]::ReadAllText($figuresFile))
    $verified = $check[0]['Speedup'].GetValue[double]()
    $spread = $check[0]['SpeedupSpread'].GetValue[double]()
    "Measured by a new process: $($verified.ToString('0.00'))x (target $($Speedup)x, spread $($spread.ToString('P1'))). [$([int] $clock.Elapsed.TotalSeconds) s]"

    if ($Json) {
        $figures = [System.Collections.Generic.Dictionary[string, object]]::new()
        $figures['teacher_accuracy'] = $measured[0].Quality
        $figures['baseline_accuracy'] = $baseline
        $figures['student_accuracy'] = $measured[2].Quality
        $figures['pruned_accuracy'] = $measured[1].Quality
        $figures['target_speedup'] = $Speedup
        $figures['predicted_speedup'] = $pruned.PredictedSpeedup
        $figures['measured_speedup'] = $verified
        $figures['speedup_spread'] = $spread
        $figures['teacher_reused'] = $teacherReused
        $figures['seconds'] = [Math]::Round($clock.Elapsed.TotalSeconds, 1)
        $figures['peak_bytes'] = [System.Diagnostics.Process]::GetCurrentProcess().PeakWorkingSet64
        [System.Text.Json.JsonSerializer]::Serialize($figures, $figures.GetType())
    }
} finally {
    $env:ZIPLM_HOME = $storeBefore
}
