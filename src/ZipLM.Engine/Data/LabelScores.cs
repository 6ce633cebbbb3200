using System.Globalization;

namespace ZipLM.Engine.Data;

/// <summary>Labels that are numbers to answer and not classes: all are numbers, and at least one has a fraction.</summary>
internal static class LabelScores
{
    /// <summary>The numbers, or null where the labels are classes, or there are none.</summary>
    /// <param name="isRegression">Whole numbers count too, and anything else is an error.</param>
    /// <exception cref="ZipLMException">A label of a regression is no number.</exception>
    public static double?[]? Find(string path, IReadOnlyList<DatasetRow> rows, bool isRegression)
    {
        if (rows.Any(row => row.Label is null))
        {
            return null;
        }

        var numbers = rows.Select(row => Number(row.Label!)).ToArray();
        if (Array.IndexOf(numbers, null) is >= 0 and var wrong)
        {
            return isRegression ? throw DatasetErrors.LabelOutOfRange(path, rows[wrong].Line, rows[wrong].Label!, "this task's labels are numbers") : null;
        }

        return isRegression || numbers.Any(number => number != Math.Floor(number!.Value)) ? numbers : null;
    }

    private static double? Number(string label) =>
        double.TryParse(label, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;
}
