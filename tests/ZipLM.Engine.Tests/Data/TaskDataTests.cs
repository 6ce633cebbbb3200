using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

/// <summary>Files of the tasks: GLUE's by name, numbers, questions with answers, texts of several lines.</summary>
public sealed class TaskDataTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private TextDataset Read(string name, string content, string? task = null, string? delimiter = null) =>
        TextDatasetReader.Read(TextDatasetReader.Describe(_folder.Write(name, content), task: task, delimiter: delimiter));

    [Theory]
    [InlineData("sst2", "sentence\tlabel\nfine\t1\n", "fine", null, "positive")]
    [InlineData("QNLI", "index\tquestion\tsentence\tlabel\n0\tq\ts\tnot_entailment\n", "q", "s", "not_entailment")]
    [InlineData("mnli", "premise\thypothesis\tlabel\np\th\t2\n", "p", "h", "contradiction")]
    [InlineData("mnli", "sentence1\tsentence2\tgold_label\np\th\tneutral\n", "p", "h", "neutral")]
    [InlineData("qqp", "question1\tquestion2\tis_duplicate\na\tb\t0\n", "a", "b", "not_duplicate")]
    [InlineData("cola", "gj04\t1\t\tOurs.\nbc85\t0\t*\tUs ours.\n", "Ours.", null, "acceptable")]
    [InlineData("cola", "sentence\tlabel\tidx\nUs ours.\t0\t0\n", "Us ours.", null, "unacceptable")]
    [InlineData("mrpc", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\ta \"b\tc\n", "a \"b", "c", "equivalent")]
    [InlineData("mrpc", "sentence1\tsentence2\tlabel\tidx\na\tb\t0\t0\n", "a", "b", "not_equivalent")]
    [InlineData("rte", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n", "a", "b", "entailment")]
    [InlineData("wnli", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\t1\n", "a", "b", "entailment")]
    public void GlueTasksPickTheirColumnsAndLabels(string task, string content, string text, string? pair, string label)
    {
        var data = Read("dev.tsv", content, task);
        Assert.Equal((text, pair), (data.Examples[0].Text, data.Examples[0].TextPair));
        Assert.Equal(label, data.Labels[data.Examples[0].Label!.Value]);
        // What is recorded in a model's directory reads the same again.
        Assert.Equal(data.Examples, TextDatasetReader.Read(data.Reference!).Examples);
        Assert.Equal(GlueTask.Find(task).Name, data.Reference!.Task);
    }

    [Theory]
    [InlineData("mnli", "index\tpromptID\tpairID\tgenre\tsentence1\tsentence2\n0\t1\t2\ttravel\tp\th\n")]
    [InlineData("mrpc", "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1\t2\tp\th\n")]
    [InlineData("qqp", "id\tquestion1\tquestion2\n0\tp\th\n")]
    public void TestFilesOfGlueHaveNoLabels(string task, string content)
    {
        var data = Read("test.tsv", content, task);
        Assert.Equal(new TextExample("p", "h"), Assert.Single(data.Examples));
        Assert.Null(data.Reference!.LabelColumn);
    }

    [Fact]
    public void RowsOfGlueWithMissingFieldsAreLeftOutAndCounted()
    {
        const string Content = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\ta\tb\t0\n4\t5\t6\tshort\n7\t8\n9\t10\t11\tc\td\t1\n";
        var file = _folder.Write("train.tsv", Content);
        var warnings = new List<string>();
        var data = TextDatasetReader.Read(TextDatasetReader.Describe(file, task: "qqp"), warn: warnings.Add);
        Assert.Equal(["a", "c"], data.Examples.Select(e => e.Text));
        Assert.StartsWith("2 rows of ", Assert.Single(warnings), StringComparison.Ordinal);
        // Whose own file it is wants to know of it.
        var own = TextDatasetReader.Describe(file, textColumn: "question1", textPairColumn: "question2", labelColumn: "is_duplicate");
        Assert.Contains("Line 3", Assert.Throws<ZipLMException>(() => TextDatasetReader.Read(own)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("answers")]
    public void AnswersInTablesOfTextAreRefused(string? column)
    {
        var file = _folder.Write("squad.csv", "question,context,answers\nWho?,by Ann,Ann\n");
        var error = Assert.Throws<ZipLMException>(() => TextDatasetReader.Describe(file, textColumn: column is null ? null : "question", textPairColumn: column is null ? null : "context", answerColumn: column));
        Assert.Equal("ZipLM.AnswersUnsupported", error.ErrorId);
    }

    [Fact]
    public void WholeNumbersOfARegressionAreNumbersToo()
    {
        var data = Read("dev.tsv", "sentence1\tsentence2\tscore\na\tb\t5\nc\td\t0\n", "stsb");
        Assert.Equal([5.0, 0.0], data.Examples.Select(e => e.Score!.Value));
        Assert.Empty(data.Labels);
        Assert.Equal("ZipLM.LabelOutOfRange", Assert.Throws<ZipLMException>(() => Read("bad.tsv", "sentence1\tsentence2\tlabel\na\tb\tgood\n", "stsb")).ErrorId);
        Assert.Equal("ZipLM.DatasetColumnMissing", Assert.Throws<ZipLMException>(() => Read("no.tsv", "text\tlabel\na\t1\n", "stsb")).ErrorId);
        Assert.Equal("ZipLM.LabelOutOfRange", Assert.Throws<ZipLMException>(() => Read("three.tsv", "sentence\tlabel\na\t3\n", "sst2")).ErrorId);
    }

    [Fact]
    public void FractionsAreNumbersAndWholeNumbersClasses()
    {
        Assert.Equal([1.5, 2.0], Read("f.csv", "text,label\na,1.5\nb,2\n").Examples.Select(e => e.Score!.Value));
        Assert.Equal([1, 2], Read("w.csv", "text,label\na,1\nb,2\n").Examples.Select(e => e.Label!.Value));
        Assert.Equal(["1.5", "x"], Read("t.csv", "text,label\na,1.5\nb,x\n").Labels);
    }

    [Theory]
    [InlineData("a.json", """[{"id": "1", "question": "Who?", "context": "😀 by Ann", "answers": {"text": ["Ann", "by Ann"], "answer_start": [5, 2]}}]""")]
    [InlineData("a.jsonl", """{"question": "Who?", "context": "😀 by Ann", "answers": [{"text": "Ann", "answer_start": 5}, {"text": "by Ann", "answer_start": 2}]}""")]
    [InlineData("a.json", """{"version": "1.1", "data": [{"paragraphs": [{"context": "😀 by Ann", "qas": [{"id": "1", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 5}, {"text": "by Ann", "answer_start": 2}]}]}]}]}""")]
    public void QuestionsComeWithTheirContextsAndAnswersInUtf16(string name, string json)
    {
        var data = Read(name, json);
        var row = Assert.Single(data.Examples);
        Assert.Equal(("Who?", "😀 by Ann"), (row.Text, row.TextPair));
        Assert.Equal([new TextAnswer("Ann", 6), new TextAnswer("by Ann", 3)], row.Answers!);
        Assert.True(data.IsLabelled);
        Assert.Equal(row.Answers!, TextDatasetReader.Read(data.Reference!).Examples[0].Answers!);
    }

    [Fact]
    public void TextsOfSeveralLinesEndAtTheDelimiter()
    {
        const string Text = "One\nday.\n<|end|>\n\nTwo\n<|end|>\n \n<|end|>";
        Assert.Equal(["One\nday.", "Two"], Read("s.txt", Text, delimiter: "<|end|>").Examples.Select(e => e.Text));
        Assert.Equal(Text.Trim('\n'), Assert.Single(Read("s.txt", Text, delimiter: "nowhere").Examples).Text);
        Assert.Equal("ZipLM.DelimiterInvalid", Assert.Throws<ZipLMException>(() => Read("s.tsv", "text\na\n", delimiter: ";")).ErrorId);
    }

    /// <summary>Made in memory, where no reader looks: the row is named.</summary>
    [Theory]
    [InlineData("Ann", 4)]
    [InlineData("Ann", 7)]
    [InlineData("Ann", -1)]
    [InlineData("", 0)]
    public void AnAnswerElsewhereNamesItsRow(string answer, int start)
    {
        var error = Assert.Throws<ZipLMException>(() => new TextDataset("q", [new("Who?", "by Ann") { Answers = [new("Ann", 3)] }, new("Who?", "by Ann") { Answers = [new(answer, start)] }], []));
        Assert.Equal("ZipLM.AnswerMisplaced", error.ErrorId);
        Assert.Contains("Row 2", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DisturbedTextsKeepTheirRowsAndChangeByTheSeed()
    {
        TextDataset data = new("toy", [new("one two  three four five six", "a pair here", 0), new("who is it", "by Ann") { Answers = [new("Ann", 3)], Label = 0 }], ["x"]);
        foreach (var perturbation in Enum.GetValues<Perturbation>())
        {
            Assert.Equal(data.Examples, Perturbing.Apply(data, perturbation, 0, 1).Examples);
            var all = Perturbing.Apply(data, perturbation, 1, 1).Examples;
            Assert.Equal(all, Perturbing.Apply(data, perturbation, 1, 1).Examples);
            Assert.NotEqual(data.Examples[0].Text, all[0].Text);
            Assert.NotEqual(data.Examples[0].TextPair, all[0].TextPair);
            Assert.Equal(data.Examples[1].TextPair, all[1].TextPair);
            Assert.Equal(data.Examples.Select(e => e.Label), all.Select(e => e.Label));
        }

        Assert.Equal("ONE TWO  THREE FOUR FIVE SIX", Perturbing.Apply(data, Perturbation.Case, 1, 1).Examples[0].Text);
        Assert.Equal("two one  four three six five", Perturbing.Apply(data, Perturbation.WordSwap, 1, 1).Examples[0].Text);
        Assert.NotEqual(Perturbing.Apply(data, Perturbation.Typo, 1, 1).Examples[0].Text, Perturbing.Apply(data, Perturbation.Typo, 1, 2).Examples[0].Text);
        TextDataset many = new("many", [new(string.Join(' ', Enumerable.Repeat("word", 4000)))], []);
        var changed = Perturbing.Apply(many, Perturbation.Typo, 0.1, 3).Examples[0].Text.Split(' ').Count(word => word != "word");
        Assert.InRange(changed, 320, 480);
    }
}
