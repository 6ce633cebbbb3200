using System.Globalization;
using System.Management.Automation;
using System.Text;
using System.Text.Json;
using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>The whole pipeline for each task, on tiny models and made-up data: new, trained, measured, pruned, distilled, exported and read again.</summary>
[Collection(TinyStoreCollection.Name)]
public sealed class TaskTests(TinyStore store)
{
    private static readonly string[] Names = ["Ann", "Bob", "Cy", "Dan", "Eve", "Flo"];
    private static readonly string[] Places = ["Rome", "Oslo", "Bonn", "Lima", "Kiev", "Nice"];

    private readonly ModuleSession _session = store.Session;

    /// <summary>Questions about who stands where in a sentence; the answer is a name.</summary>
    private string Questions(string name, int rows, int seed)
    {
        var random = new Random(seed);
        var lines = Enumerable.Range(0, rows).Select(_ =>
        {
            var (people, places) = (Names.OrderBy(_ => random.Next()).Take(3).ToList(), Places.OrderBy(_ => random.Next()).Take(3).ToList());
            string context = string.Join(", ", people.Zip(places, (p, l) => $"{p} is in {l}"));
            int asked = random.Next(3);
            return JsonSerializer.Serialize(new
            {
                question = $"Where is {people[asked]}?",
                context,
                answers = new { text = new[] { places[asked] }, answer_start = new[] { context.IndexOf(places[asked], StringComparison.Ordinal) } },
            });
        });
        return store.File(name, string.Join('\n', lines));
    }

    /// <summary>How many words two texts share, of five.</summary>
    private string Pairs(string name, int rows, int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder("sentence1\tsentence2\tscore\n");
        for (int row = 0; row < rows; row++)
        {
            double share = random.Next(2);
            string first = string.Join(' ', Enumerable.Range(0, 4).Select(_ => Names[random.Next(6)]));
            string second = share > 0 ? first : string.Join(' ', Enumerable.Range(0, 4).Select(_ => Places[random.Next(6)]));
            text.Append(CultureInfo.InvariantCulture, $"{first}\t{second}\t{share * 5:0.0}\n");
        }

        return store.File(name, text.ToString());
    }

    private string Stories(string name, int rows, int seed)
    {
        var random = new Random(seed);
        return store.File(name, string.Join("\n---\n", Enumerable.Range(0, rows).Select(_ =>
            string.Join("\n", Enumerable.Range(0, 3).Select(_ => random.Next(6)).Select(i => $"{Names[i]} went to {Places[i]} .")))));
    }

    /// <summary>What Measure-Model says of the untrained, trained, pruned and distilled model of a task; the trained one is saved, so that it is teacher and baseline.</summary>
    private (dynamic Raw, dynamic Dense, dynamic Pruned, dynamic Distilled) Pipeline(string name, string task, string import, string train, string dev, int epochs)
    {
        var rows = _session.Run($$"""
            $data = Import-TextDataset '{{train}}' {{import}}
            $test = Import-TextDataset '{{dev}}' {{import}}
            $raw = New-Model -Name {{name}} -Layers 2 -HiddenSize 32 -Heads 4 -MaximumSequenceLength 48 -TrainingData $data -VocabularySize 150 {{task}}
            $raw | Measure-Model -Data $test -Rounds 3
            $training = @{ TrainingData = $data; BatchSize = 8; LearningRate = 3e-3; InformationAction = 'Ignore' }
            $raw | Start-ModelTraining @training -ValidationData $test -Epochs {{epochs}} | Receive-Job -Wait -AutoRemoveJob -InformationAction Ignore | Export-Model -Name {{name}}
            $dense = Get-Model {{name}}
            $dense | Measure-Model -Data $test -Rounds 3
            $small = $dense | Measure-LayerLatency -Rounds 5 | Invoke-StructuredPrune -Speedup 1.25 -Rounds 3 -CalibrationSamples 16
            $small | Measure-Model -Data $test -Rounds 3
            $taught = $small | Start-TokenDistillation @training -Epochs 1 | Receive-Job -Wait -AutoRemoveJob -InformationAction Ignore
            $taught | Measure-Model -Data $test -Rounds 3
            """).Select(row => (dynamic)row).ToList();
        Assert.Equal(4, rows.Count);
        Assert.True(rows[1].Loss < 0.95 * rows[0].Loss, $"Training brought the loss from {rows[0].Loss} to {rows[1].Loss}.");
        Assert.All(rows.Skip(2), row => Assert.True(row.Speedup > 0 && row.Parameters < rows[0].Parameters, "It is no smaller."));
        return (rows[0], rows[1], rows[2], rows[3]);
    }

    [Fact]
    public void QuestionsAreAnswered()
    {
        var (_, dense, _, distilled) = Pipeline("questions", "", "", Questions("q-train.jsonl", 150, 1), Questions("q-dev.jsonl", 30, 2), 3);
        Assert.Equal(("f1", 30), ((string)dense.Metric, (int)dense.Samples));
        Assert.True((double)distilled.Metrics["exact_match"] <= (double)distilled.Metrics["f1"], "An exact match is whole in F1.");
        Assert.Equal("BertForQuestionAnswering CrossEntropy", _session.One<string>("\"$($small.Architecture) $($small.Pruning.LossMeasure)\""));
    }

    [Fact]
    public void NumbersAreAnsweredForPairs()
    {
        var (_, dense, _, distilled) = Pipeline("numbers", "", "-Task stsb", Pairs("n-train.tsv", 150, 1), Pairs("n-dev.tsv", 40, 2), 3);
        Assert.Equal("pearson", (string)dense.Metric);
        Assert.True((double)dense.Quality > 0.5, $"Names or places tell: {dense.Quality:0.00}.");
        Assert.True((double)distilled.Quality > 0.5, $"After distillation: {distilled.Quality:0.00}.");
        Assert.Equal("SquaredError", _session.One<object>("$small.Pruning.LossMeasure").ToString());
    }

    [Fact]
    public void TextGoesOn()
    {
        var (raw, dense, _, distilled) = Pipeline("causal", "-Task CausalLanguageModeling", "-Delimiter '---'", Stories("s-train.txt", 60, 1), Stories("s-dev.txt", 15, 2), 2);
        Assert.Equal(("perplexity", false), ((string)dense.Metric, (bool)dense.HigherIsBetter));
        Assert.True((double)dense.Quality < (double)raw.Quality / 3, $"Perplexity fell from {raw.Quality} to {dense.Quality}.");
        Assert.Equal(dense.Quality + distilled.QualityChange, (double)distilled.Quality, 1e-6);
        Assert.Equal("gpt2 CrossEntropy", _session.One<string>("\"$($small.ModelFamily) $($small.Pruning.LossMeasure)\""));
    }

    /// <summary>A table of written texts prunes for them, and the pruned model is measured writing them.</summary>
    [Fact]
    public void TextIsWritten()
    {
        _session.Run($$"""
            $text = Import-TextDataset '{{Stories("w.txt", 60, 1)}}' -Delimiter '---'
            $writer = New-Model -Name writer -Layers 2 -HiddenSize 32 -Heads 4 -MaximumSequenceLength 48 -TrainingData $text -VocabularySize 150 -Task CausalLanguageModeling
            $table = $writer | Measure-LayerLatency -SequenceLength 10 -GeneratedTokens 4 -Rounds 5
            $small = $table | Invoke-StructuredPrune -Speedup 1.2 -Rounds 3 -CalibrationSamples 16 -CalibrationData $text -SearchTrials 5
            $measured = $small | Measure-Model -Data $text -Rounds 3
            """);
        Assert.Equal("10+4 10+4 10+4", _session.One<string>("($table, $small.Pruning, $measured | ForEach-Object Environment | ForEach-Object { '{0}+{1}' -f $_.SequenceLength, $_.GeneratedTokens }) -join ' '"));
        Assert.Contains("length 10, 4 generated tokens", _session.One<string>("$measured.Environment.ToString()"), StringComparison.Ordinal);

        ErrorRecord error = Assert.Single(_session.Invoke("$table | Invoke-StructuredPrune -Speedup 1.2 -GeneratedTokens 5 -CalibrationData $text").Errors);
        Assert.StartsWith("ZipLM.LatencyTableShape,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        error = Assert.Single(_session.Invoke("Get-Model bert | Measure-LayerLatency -GeneratedTokens 4 -SequenceLength 8").Errors);
        Assert.StartsWith("ZipLM.GenerationUnsupported,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    /// <summary>A checkpoint with a masked-LM head prunes by the defaults, compared by its last hidden state.</summary>
    [Fact]
    public void HiddenWordsAreTold()
    {
        var (_, dense, _, _) = Pipeline("masked", "-Task MaskedLanguageModeling", "-Delimiter '---'", Stories("m-train.txt", 60, 1), Stories("m-dev.txt", 15, 2), 2);
        Assert.Equal("masked_accuracy", (string)dense.Metric);
        Assert.Equal("HiddenStateError 0", _session.One<string>("\"$($small.Pruning.LossMeasure) $($small.Pruning.DenseLoss)\""));
        Assert.True(_session.One<double>("$small.Pruning.Loss") > 0, "Nothing was lost.");
    }

    /// <summary>Without any head too: no task, no labels, nothing but text.</summary>
    [Fact]
    public void ABareModelPrunesByItsHiddenStates()
    {
        _session.Run("$text = Import-TextDataset '" + Stories("b.txt", 40, 1) + "' -Delimiter '---'; New-Model -Name bare -Layers 2 -HiddenSize 32 -Heads 4 -TrainingData $text -VocabularySize 150 | Measure-LayerLatency -SequenceLength 16 -Rounds 5 | Invoke-StructuredPrune -Speedup 1.2 -CalibrationData $text -Rounds 3 | Export-Model -Name bare");
        Assert.Equal("BertModel HiddenStateError", _session.One<string>("$bare = Get-Model bare; \"$($bare.Architecture) $($bare.Pruning.LossMeasure)\""));
        ErrorRecord error = Assert.Single(_session.Invoke("$bare | Measure-Model -Data $dev").Errors);
        Assert.StartsWith("ZipLM.ModelHeadMissing,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }

    [Fact]
    public void SeveralDataSetsAndDisturbedTextsAreMeasuredAtOnce()
    {
        var rows = _session.Run("Get-Model bert | Measure-Model -Data $dev, $train -Perturbation Typo, WordSwap -PerturbationRate 0.3 -Rounds 3 -Baseline (Get-Model bert)")
            .Select(row => (dynamic)row).ToList();
        Assert.Equal(["dev", "dev", "dev", "train", "train", "train"], rows.Select(row => (string)row.Data));
        Assert.All(rows, row => Assert.Equal(0.0, (double)row.QualityChange));
        Assert.Equal([true, false, false, true, false, false], rows.Select(row => (bool)(row.PerturbationChange is null)));
        ErrorRecord error = Assert.Single(_session.Invoke("Get-Model bert | Measure-Model -Data $dev, (Import-TextDataset '" + store.File("plain.txt", "no label") + "')").Errors);
        Assert.StartsWith("ZipLM.DatasetUnlabelled,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
    }
}
