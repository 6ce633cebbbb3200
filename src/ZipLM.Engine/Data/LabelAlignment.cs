using System.Globalization;

namespace ZipLM.Engine.Data;

/// <summary>Gives the rows of a data set what is right in the terms of a model: indices of its labels, or numbers.</summary>
internal static class LabelAlignment
{
    /// <summary>
    /// The same rows with labels that index into <paramref name="modelLabels"/>: by name, or, where the data's labels are
    /// plain numbers that the model does not use as names, by number. For a regression the numbers themselves.
    /// </summary>
    /// <exception cref="ZipLMException">A label of the data is not one of the model's, or no number where one is needed.</exception>
    public static TextDataset Align(TextDataset data, ModelTask task, IReadOnlyList<string> modelLabels)
    {
        if (task == ModelTask.Regression)
        {
            return Numbers(data);
        }

        if (task == ModelTask.SequenceClassification && data.Examples.Any(e => e.Score is not null))
        {
            throw new ZipLMException("LabelUnknown", ErrorKind.InvalidData,
                $"The labels of the data set '{data.Name}' are numbers, not classes, but the model is a classifier.",
                $"Use a model for regression, or data with its labels: {Names(modelLabels)}.", data);
        }

        if (task != ModelTask.SequenceClassification || data.Labels.Count == 0 || data.Labels.SequenceEqual(modelLabels))
        {
            return data;
        }

        var indices = data.Labels.Select(label => IndexOf(label, data, modelLabels)).ToArray();
        return new(data.Name,
            [.. data.Examples.Select(e => e.Label is { } label ? e with { Label = indices[label] } : e)],
            modelLabels, data.Reference);
    }

    /// <summary>The same rows with labels as the model has them; without labels where a row has none or the model does not know one.</summary>
    public static TextDataset AlignOrDrop(TextDataset data, ModelTask task, IReadOnlyList<string> modelLabels)
    {
        var known = HasTargets(data, task) && task switch
        {
            ModelTask.SequenceClassification => data.Labels.All(label => Find(label, modelLabels) is not null),
            ModelTask.Regression => data.Labels.All(label => Number(label) is not null),
            _ => true,
        };
        return known ? Align(data, task, modelLabels)
            : new(data.Name, [.. data.Examples.Select(e => new TextExample(e.Text, e.TextPair))], [], data.Reference);
    }

    /// <summary>Whether every row says what is right; a language model's own text does.</summary>
    public static bool HasTargets(TextDataset data, ModelTask task) => task switch
    {
        ModelTask.SequenceClassification => data.Labels.Count > 0 && data.Examples.All(e => e.Label is not null),
        ModelTask.Regression => data.Examples.All(e => e.Score is not null || e.Label is not null),
        ModelTask.QuestionAnswering => data.Examples.All(e => e.Answers is { Count: > 0 }),
        ModelTask.CausalLanguageModeling or ModelTask.MaskedLanguageModeling => true,
        _ => false,
    };

    private static TextDataset Numbers(TextDataset data)
    {
        if (data.Labels.Count == 0)
        {
            return data;
        }

        // Whole numbers are imported as classes; here they are what they say.
        var numbers = data.Labels.Select(label => Number(label) ?? throw new ZipLMException("LabelUnknown", ErrorKind.InvalidData,
            $"The data set '{data.Name}' has the label '{label}', but the model answers with a number.", "Use a classifier, or data whose labels are numbers.", label)).ToArray();
        return new(data.Name, [.. data.Examples.Select(e => e.Label is { } label ? e with { Label = null, Score = numbers[label] } : e)], [], data.Reference);
    }

    private static double? Number(string label) =>
        double.TryParse(label, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    private static int IndexOf(string label, TextDataset data, IReadOnlyList<string> modelLabels) =>
        Find(label, modelLabels) ?? throw new ZipLMException("LabelUnknown", ErrorKind.InvalidData,
            $"The data set '{data.Name}' has the label '{label}', which the model does not know.",
            $"The model's labels are: {Names(modelLabels)}.", label);

    private static string Names(IReadOnlyList<string> modelLabels) => $"{string.Join(", ", modelLabels.Take(20))}{(modelLabels.Count > 20 ? ", …" : "")}";

    private static int? Find(string label, IReadOnlyList<string> modelLabels)
    {
        for (var i = 0; i < modelLabels.Count; i++)
        {
            if (modelLabels[i] == label)
            {
                return i;
            }
        }

        return int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < modelLabels.Count ? index : null;
    }
}
