namespace ZipLM;

/// <summary>Rows of text, with labels where the source has them.</summary>
public sealed class TextDataset
{
    /// <summary>Makes a data set from rows that are already in memory.</summary>
    /// <param name="name">A short name: the file's name without its extension.</param>
    /// <param name="examples">The rows, in the order of the source; at least one.</param>
    /// <param name="labels">Names of the labels; empty where there are none.</param>
    /// <param name="reference">Where the rows came from; null when they were made in memory.</param>
    /// <exception cref="ZipLMException">There are no rows, a label lies outside <paramref name="labels"/>, or two labels have one name.</exception>
    public TextDataset(string name, IReadOnlyList<TextExample> examples, IReadOnlyList<string> labels, DatasetReference? reference = null)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentNullException.ThrowIfNull(labels);
        if (examples.Count == 0)
        {
            throw new ZipLMException("DatasetEmpty", ErrorKind.InvalidData,
                $"The data set '{name}' has no rows.", "Give a file with at least one row below its header.", reference?.Path ?? name);
        }

        if (labels.GroupBy(l => l, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } repeated)
        {
            throw new ZipLMException("LabelRepeated", ErrorKind.InvalidData,
                $"The labels of the data set '{name}' name '{repeated.Key}' {repeated.Count()} times.", "Give each label a name of its own.", repeated.Key);
        }

        for (var row = 0; row < examples.Count; row++)
        {
            if (examples[row].Label is { } label && (label < 0 || label >= labels.Count))
            {
                throw new ZipLMException("LabelOutOfRange", ErrorKind.InvalidData,
                    $"Row {row + 1} of the data set '{name}' has label {label}, but there are {labels.Count} labels.",
                    "Correct the label, or give all label names.", reference?.Path ?? name);
            }
        }

        Name = name;
        Examples = examples;
        Labels = labels;
        Reference = reference;
    }

    /// <summary>A short name.</summary>
    public string Name { get; }

    /// <summary>The rows.</summary>
    public IReadOnlyList<TextExample> Examples { get; }

    /// <summary>Names of the labels, in the order of their indices.</summary>
    public IReadOnlyList<string> Labels { get; }

    /// <summary>Where the rows came from, or null.</summary>
    public DatasetReference? Reference { get; }

    /// <summary>Number of rows.</summary>
    public int Count => Examples.Count;

    /// <summary>True when every row has a label.</summary>
    public bool IsLabelled => Labels.Count > 0 && Examples.All(e => e.Label is not null);

    /// <inheritdoc />
    public override string ToString() => $"{Name} ({Count} rows)";
}
