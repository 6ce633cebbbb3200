using System.Globalization;

namespace ZipLM.Engine.Data;

/// <summary>Gives the rows of a data set what is right in the terms of a model: indices of its labels, or numbers.</summary>
internal static class LabelAlignment
{
    /// <summary>
    /// The same rows with labels that index into <paramref name="modelLabels"/>: by name, whatever case it is written in, or,
    /// where the data's labels are plain numbers that the model does not use as names, by number. A model that calls its
    /// labels LABEL_0, LABEL_1, … has them in the data's order, where it has as many. For a regression the numbers themselves.
    /// </summary>
    /// <exception cref="ZipLMException">A label of the data is not one of the model's, or no number where one is needed.</exception>
    public static TextDataset Align(TextDataset data, ModelTask task, IReadOnlyList<string> modelLabels, IReporter? reporter = null)
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

        var byOrder = AreByOrder(data.Labels, modelLabels);
        if (byOrder)
        {
            reporter?.Verbose($"The model does not name its labels: they are those of '{data.Name}' in their order, {string.Join(", ", data.Labels.Zip(modelLabels, (own, other) => $"{own} = {other}").Take(20))}.");
        }

        var indices = data.Labels.Select((label, i) => byOrder ? i : IndexOf(label, data, modelLabels)).ToArray();
        return new(data.Name,
            [.. data.Examples.Select(e => e.Label is { } label ? e with { Label = indices[label] } : e)],
            modelLabels, data.Reference);
    }

    /// <summary>
    /// The same rows with labels as the model has them; without labels where a row has none, or, with a warning, where the
    /// model does not know one.
    /// </summary>
    public static TextDataset AlignOrDrop(TextDataset data, ModelTask task, IReadOnlyList<string> modelLabels, IReporter reporter)
    {
        var unknown = task switch
        {
            ModelTask.SequenceClassification when !AreByOrder(data.Labels, modelLabels) => data.Labels.FirstOrDefault(label => Find(label, modelLabels) is null),
            ModelTask.Regression => data.Labels.FirstOrDefault(label => Number(label) is null),
            _ => null,
        };
        var told = HasTargets(data, task);
        if (told && unknown is not null)
        {
            reporter.Warning($"The labels of '{data.Name}' are left out: the model does not know '{unknown}'{(modelLabels.Count > 0 ? $" (its labels are {Names(modelLabels)})" : "")}.");
        }

        return told && unknown is null ? Align(data, task, modelLabels, reporter)
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

    /// <summary>What transformers calls the labels of a model that nobody has named them for.</summary>
    private static bool AreByOrder(IReadOnlyList<string> labels, IReadOnlyList<string> modelLabels) =>
        labels.Count == modelLabels.Count
        && modelLabels.Select((label, i) => string.Equals(label, string.Create(CultureInfo.InvariantCulture, $"LABEL_{i}"), StringComparison.OrdinalIgnoreCase)).All(isGeneric => isGeneric)
        && labels.Any(label => Find(label, modelLabels) is null);

    private static double? Number(string label) =>
        double.TryParse(label, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    private static int IndexOf(string label, TextDataset data, IReadOnlyList<string> modelLabels) =>
        Find(label, modelLabels) ?? throw new ZipLMException("LabelUnknown", ErrorKind.InvalidData,
            $"The data set '{data.Name}' has the label '{label}', which the model does not know.",
            $"The model's labels are: {Names(modelLabels)}.", label);

    private static string Names(IReadOnlyList<string> modelLabels) => $"{string.Join(", ", modelLabels.Take(20))}{(modelLabels.Count > 20 ? ", …" : "")}";

    private static int? Find(string label, IReadOnlyList<string> modelLabels)
    {
        foreach (var comparison in new[] { StringComparison.Ordinal, StringComparison.OrdinalIgnoreCase })
        {
            for (var i = 0; i < modelLabels.Count; i++)
            {
                if (string.Equals(modelLabels[i], label, comparison))
                {
                    return i;
                }
            }
        }

        return int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < modelLabels.Count ? index : null;
    }
}
