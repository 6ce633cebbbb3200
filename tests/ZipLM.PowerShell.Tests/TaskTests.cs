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

    /// <summary>What each command gives for a task; the dense model is exported, so that it is teacher and baseline.</summary>
    private (dynamic Dense, dynamic Pruned, dynamic Distilled) Pipeline(
        string task, string import, string train, string dev, int epochs, string learningRate)
    {
        var rows = _session.Run($$"""
            $data = Import-TextDataset '{{train}}' {{import}}
            $test = Import-TextDataset '{{dev}}' {{import}}
            $raw = New-Model -Name {{task}} -Layers 2 -HiddenSize 32 -Heads 4 -MaximumSequenceLength 48 -TrainingData $data -VocabularySize 200 {{(task is "causal" ? "-Task CausalLanguageModeling" : task is "masked" ? "-Task MaskedLanguageModeling" : "")}}
            $training = @{ TrainingData = $data; BatchSize = 16; InformationAction = 'Ignore' }
            $raw | Start-ModelTraining @training -ValidationData $test -Epochs {{epochs}} -LearningRate {{learningRate}} -WarmUp 0.1 | Receive-Job -Wait -AutoRemoveJob -InformationAction Ignore | Export-Model -Name {{task}}
            $dense = Get-Model {{task}}
            $dense | Measure-Model -Data $test -Rounds 3
            $small = $dense | Invoke-StructuredPrune -Speedup 1.25 -Rounds 3 -CalibrationSamples 32
            $small | Measure-Model -Data $test -Rounds 3
            $taught = $small | Start-TokenDistillation -TrainingData $data -Epochs 1 -BatchSize 16 -LearningRate 1e-3 -TokenWeight 0.1 -InformationAction Ignore | Receive-Job -Wait -AutoRemoveJob -InformationAction Ignore
            $taught | Measure-Model -Data $test -Rounds 3
            $taught | Export-Model -Name {{task}}-small
            Get-Model {{task}}-small | Measure-Model -Data $test -Rounds 3
            """).Select(row => (dynamic)row).ToList();
        Assert.Equal(4, rows.Count);
        Assert.Equal((double)rows[2].Quality, (double)rows[3].Quality, 1e-6);
        Assert.NotEqual(0.0, (double)rows[1].QualityChange);
        Assert.All(rows.Skip(1), row => Assert.True(row.Speedup > 0 && row.Parameters < rows[0].Parameters, "It is no smaller."));
        return (rows[0], rows[1], rows[2]);
    }

    [Fact]
    public void QuestionsAreAnswered()
    {
        var (dense, _, distilled) = Pipeline("questions", "", Questions("q-train.jsonl", 600, 1), Questions("q-dev.jsonl", 60, 2), 10, "3e-3");
        Assert.Equal(("f1", 60), ((string)dense.Metric, (int)dense.Samples));
        Assert.True(dense.Quality > 0.3, $"A place is named at random in one of three: {dense.Quality:P0}.");
        Assert.True((double)distilled.Metrics["exact_match"] <= (double)distilled.Metrics["f1"]);
    }

    [Fact]
    public void NumbersAreAnsweredForPairs()
    {
        var (dense, _, distilled) = Pipeline("numbers", "-Task stsb", Pairs("n-train.tsv", 300, 1), Pairs("n-dev.tsv", 60, 2), 3, "2e-3");
        Assert.Equal("pearson", (string)dense.Metric);
        Assert.True(dense.Quality > 0.8, $"Names or places tell: {dense.Quality:0.00}.");
        Assert.True(distilled.Quality > 0.5, $"After distillation: {distilled.Quality:0.00}.");
    }

    [Fact]
    public void TextGoesOn()
    {
        var (dense, pruned, distilled) = Pipeline("causal", "-Delimiter '---'", Stories("s-train.txt", 200, 1), Stories("s-dev.txt", 40, 2), 4, "3e-3");
        Assert.Equal(("perplexity", false), ((string)dense.Metric, (bool)dense.HigherIsBetter));
        // One of six names, and the rest follows from it: about 6^(1/5).
        Assert.InRange((double)dense.Quality, 1.2, 3);
        Assert.True(distilled.Quality < pruned.Quality, $"{distilled.Quality} is no better than {pruned.Quality}.");
        Assert.Equal("gpt2", _session.One<string>("(Get-Model causal).ModelFamily"));
    }

    /// <summary>A checkpoint with a masked-LM head prunes by the defaults, compared by its last hidden state.</summary>
    [Fact]
    public void HiddenWordsAreTold()
    {
        var (dense, _, _) = Pipeline("masked", "-Delimiter '---'", Stories("m-train.txt", 200, 1), Stories("m-dev.txt", 40, 2), 3, "3e-3");
        Assert.Equal("masked_accuracy", (string)dense.Metric);
        Assert.Equal("HiddenStateError 0", _session.One<string>("\"$($small.Pruning.LossMeasure) $($small.Pruning.DenseLoss)\""));
        Assert.True(_session.One<double>("$small.Pruning.Loss") > 0);
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
