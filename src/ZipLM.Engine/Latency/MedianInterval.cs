namespace ZipLM.Engine.Latency;

/// <summary>A median with its 95 % confidence interval, which needs no assumption about the noise.</summary>
internal readonly record struct MedianInterval(double Median, double Low, double High)
{
    /// <summary>Half the width of the interval as a share of the median.</summary>
    public double Spread => (High - Low) / 2 / Median;

    /// <summary>
    /// The interval is between two order statistics: the number of values below the true median is binomial with
    /// p = ½, so ranks 1.96·√n/2 to both sides of the middle enclose it in 95 % of the cases (Conover, Practical
    /// Nonparametric Statistics, 3.2). As many values lie below the interval as above it.
    /// </summary>
    public static MedianInterval Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        var n = sorted.Length;
        var median = n % 2 == 1 ? sorted[n / 2] : (sorted[(n / 2) - 1] + sorted[n / 2]) / 2;
        var reach = 1.96 * Math.Sqrt(n) / 2;
        var low = Math.Max((int)Math.Floor(((n - 1) / 2.0) - reach), 0);
        return new(median, sorted[low], sorted[n - 1 - low]);
    }
}
