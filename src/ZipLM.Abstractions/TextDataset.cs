namespace ZipLM;

/// <summary>Rows of text, with labels where the source has them.</summary>
public sealed class TextDataset
{
    /// <summary>Makes a data set from rows that are already in memory.</summary>
    /// <param name="name">A short name: the file's name without its extension.</param>
    /// <param name="examples">The rows, in the order of the source; at least one.</param>
    /// <param name="labels">Names of the labels; empty where there are none.</param>
    /// <param name="reference">Where the rows came from; null when they were made in memory.</param>
    /// <exception cref="ZipLMException">There are no rows, a label lies outside <paramref name="labels"/>, two labels have one name, a score is no number, or an answer does not stand where it is said to.</exception>
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

            if (examples[row].Score is { } score && !double.IsFinite(score))
            {
                throw new ZipLMException("ScoreInvalid", ErrorKind.InvalidData,
                    FormattableString.Invariant($"Row {row + 1} of the data set '{name}' has the score {score}."), "Correct the score.", reference?.Path ?? name);
            }

            if (examples[row].Answers?.FirstOrDefault(a => !Stands(a, examples[row].TextPair)) is { } misplaced)
            {
                throw new ZipLMException("AnswerMisplaced", ErrorKind.InvalidData,
                    $"Row {row + 1} of the data set '{name}' has the answer '{misplaced.Text}', which does not stand at character {misplaced.Start} of its text.",
                    "Correct where the answer starts, or leave the row out.", reference?.Path ?? name);
            }
        }

        Name = name;
        Examples = examples.Indexable();
        Labels = labels.Indexable();
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

    /// <summary>True when every row says what is right: a label, a score, or answers.</summary>
    public bool IsLabelled =>
        (Labels.Count > 0 && Examples.All(e => e.Label is not null)) || Examples.All(e => e.Score is not null) || Examples.All(e => e.Answers is { Count: > 0 });

    /// <inheritdoc />
    public override string ToString() => $"{Name} ({Count} rows)";

    private static bool Stands(TextAnswer answer, string? text) =>
        text is not null && answer.Text.Length > 0 && answer.Start >= 0 && answer.Start <= text.Length && string.CompareOrdinal(text, answer.Start, answer.Text, 0, answer.Text.Length) == 0;
}
