using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

/// <summary>Whose label is whose, when data and model name them in their own ways.</summary>
public sealed class LabelAlignmentTests
{
    private static readonly TextDataset Reviews = new("reviews", [new("good", null, 1), new("bad", null, 0)], ["negative", "positive"]);

    private readonly RecordingReporter _reporter = new();

    [Theory]
    [InlineData("NEGATIVE,POSITIVE", "1,0")]
    [InlineData("Positive,Negative", "0,1")]
    [InlineData("POSITIVE,positive,negative", "1,2")]
    public void Names_are_the_same_in_any_case(string modelLabels, string expected)
    {
        var aligned = LabelAlignment.Align(Reviews, ModelTask.SequenceClassification, modelLabels.Split(','), _reporter);
        Assert.Equal(expected, string.Join(',', aligned.Examples.Select(e => e.Label)));
        Assert.Equal(modelLabels.Split(','), aligned.Labels);
        Assert.Empty(_reporter.VerboseMessages);
    }

    [Fact]
    public void A_model_without_names_has_the_labels_in_the_order_of_the_data()
    {
        var aligned = LabelAlignment.Align(Reviews, ModelTask.SequenceClassification, ["LABEL_0", "LABEL_1"], _reporter);
        Assert.Equal([1, 0], aligned.Examples.Select(e => e.Label));
        Assert.Contains("negative = LABEL_0, positive = LABEL_1", Assert.Single(_reporter.VerboseMessages), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("LABEL_0,LABEL_1,LABEL_2")]
    [InlineData("LABEL_1,LABEL_0")]
    [InlineData("cat,dog")]
    public void Other_labels_are_an_error_and_for_calibration_a_warning(string modelLabels)
    {
        var labels = modelLabels.Split(',');
        Assert.Equal("ZipLM.LabelUnknown", Assert.Throws<ZipLMException>(() => LabelAlignment.Align(Reviews, ModelTask.SequenceClassification, labels, _reporter)).ErrorId);
        var dropped = LabelAlignment.AlignOrDrop(Reviews, ModelTask.SequenceClassification, labels, _reporter);
        Assert.All(dropped.Examples, e => Assert.Null(e.Label));
        var warning = Assert.Single(_reporter.Warnings);
        Assert.Contains("'negative'", warning, StringComparison.Ordinal);
        Assert.Contains(labels[0], warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Calibration_keeps_labels_that_fit_and_is_silent_where_there_are_none()
    {
        Assert.Equal([1, 0], LabelAlignment.AlignOrDrop(Reviews, ModelTask.SequenceClassification, ["LABEL_0", "LABEL_1"], _reporter).Examples.Select(e => e.Label));
        Assert.Equal([0, 1], LabelAlignment.AlignOrDrop(Reviews, ModelTask.SequenceClassification, ["POSITIVE", "NEGATIVE"], _reporter).Examples.Select(e => e.Label));
        TextDataset texts = new("texts", [new("good")], []);
        Assert.Null(LabelAlignment.AlignOrDrop(texts, ModelTask.SequenceClassification, ["cat"], _reporter).Examples[0].Label);
        Assert.Empty(_reporter.Warnings);
    }
}
