using System.Globalization;

namespace ZipLM.Engine.Data;

/// <summary>Gives the labels of a data set the indices that a model uses for them.</summary>
internal static class LabelAlignment
{
    /// <summary>
    /// The same rows with labels that index into <paramref name="modelLabels"/>: by name, or, where the data's labels are
    /// plain numbers that the model does not use as names, by number.
    /// </summary>
    /// <exception cref="ZipLMException">A label of the data is not one of the model's.</exception>
    public static TextDataset Align(TextDataset data, IReadOnlyList<string> modelLabels)
    {
        if (data.Labels.Count == 0 || data.Labels.SequenceEqual(modelLabels))
        {
            return data;
        }

        var indices = data.Labels.Select(label => IndexOf(label, data, modelLabels)).ToArray();
        return new(data.Name,
            [.. data.Examples.Select(e => e.Label is { } label ? e with { Label = indices[label] } : e)],
            modelLabels, data.Reference);
    }

    /// <summary>The same rows with labels as the model has them; without labels where a row has none or the model does not know one.</summary>
    public static TextDataset AlignOrDrop(TextDataset data, IReadOnlyList<string> modelLabels) =>
        data.IsLabelled && data.Labels.All(label => Find(label, modelLabels) is not null)
            ? Align(data, modelLabels)
            : new(data.Name, [.. data.Examples.Select(e => e with { Label = null })], [], data.Reference);

    private static int IndexOf(string label, TextDataset data, IReadOnlyList<string> modelLabels) =>
        Find(label, modelLabels) ?? throw new ZipLMException("LabelUnknown", ErrorKind.InvalidData,
            $"The data set '{data.Name}' has the label '{label}', which the model does not know.",
            $"The model's labels are: {string.Join(", ", modelLabels.Take(20))}{(modelLabels.Count > 20 ? ", …" : "")}.", label);

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
