namespace ZipLM.Engine.Recipes;

/// <summary>The line y = a + m·x with the least squared distances from points.</summary>
/// <param name="Intercept">a.</param>
/// <param name="Slope">m.</param>
/// <param name="Residual">Root of the mean squared distance in y.</param>
internal sealed record FittedLine(double Intercept, double Slope, double Residual)
{
    /// <summary>The line; null with fewer than two different x.</summary>
    public static FittedLine? Through(IReadOnlyList<(double X, double Y)> points)
    {
        if (points.Select(p => p.X).Distinct().Count() < 2)
        {
            return null;
        }

        var (meanX, meanY) = (points.Average(p => p.X), points.Average(p => p.Y));
        var slope = points.Sum(p => (p.X - meanX) * (p.Y - meanY)) / points.Sum(p => (p.X - meanX) * (p.X - meanX));
        var intercept = meanY - (slope * meanX);
        return new(intercept, slope, Math.Sqrt(points.Average(p => Math.Pow(p.Y - intercept - (slope * p.X), 2))));
    }
}
