using System.Globalization;

namespace ZipLM.Engine.Data;

/// <summary>
/// Turns labels as the file has them into indices: by the names that the user gave, as integers from 0 when all are
/// integers, else by the distinct names in ordinal order.
/// </summary>
internal static class LabelIndex
{
    /// <summary>Integer labels beyond this are taken for something else, such as an id or a score.</summary>
    private const int Most = 10_000;

    /// <summary>The names, and one index for each row; no names and nulls when no row has a label.</summary>
    /// <exception cref="ZipLMException">A label is out of range, or only some rows have one.</exception>
    public static (IReadOnlyList<string> Names, int?[] Indices) Build(string path, IReadOnlyList<DatasetRow> rows, IReadOnlyList<string>? names)
    {
        var unlabelled = rows.FirstOrDefault(row => row.Label is null);
        if (unlabelled is not null)
        {
            if (rows.All(row => row.Label is null)) return (names ?? [], new int?[rows.Count]);
            throw DatasetErrors.RowMalformed(path, unlabelled.Line, "it has no label, other lines have one");
        }

        if (names is not null) return (names, [.. rows.Select(row => (int?)Given(path, row, names))]);
        if (rows.All(row => IsInteger(row.Label!, out _)))
        {
            var indices = rows.Select(row => (int?)Integer(path, row)).ToArray();
            return ([.. Enumerable.Range(0, indices.Max()!.Value + 1).Select(i => i.ToString(CultureInfo.InvariantCulture))], indices);
        }

        string[] sorted = [.. rows.Select(row => row.Label!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return (sorted, [.. rows.Select(row => (int?)Array.BinarySearch(sorted, row.Label!, StringComparer.Ordinal))]);
    }

    private static int Given(string path, DatasetRow row, IReadOnlyList<string> names)
    {
        for (var i = 0; i < names.Count; i++)
        {
            if (string.Equals(names[i], row.Label, StringComparison.Ordinal)) return i;
        }

        return IsInteger(row.Label!, out var index) && index >= 0 && index < names.Count ? (int)index
            : throw DatasetErrors.LabelOutOfRange(path, row.Line, row.Label!, $"the {names.Count} labels are: {string.Join(", ", names.Take(20))}");
    }

    private static int Integer(string path, DatasetRow row)
    {
        IsInteger(row.Label!, out var index);
        return index is >= 0 and < Most ? (int)index
            : throw DatasetErrors.LabelOutOfRange(path, row.Line, row.Label!, $"integer labels count from 0 and stay below {Most}");
    }

    private static bool IsInteger(string label, out long index) =>
        long.TryParse(label, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out index);
}
