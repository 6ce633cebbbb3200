namespace ZipLM.Engine.Reporting;

/// <summary>One line of a figure.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Points">At least one, by rising X.</param>
internal sealed record ReportSeries(string Name, IReadOnlyList<(double X, double Y)> Points)
{
    /// <summary>The height at a place, or null where the line has no point.</summary>
    public double? At(double x)
    {
        foreach ((double X, double Y) point in Points)
        {
            if (point.X == x)
                return point.Y;
        }

        return null;
    }
}
