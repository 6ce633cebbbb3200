using System.Runtime.InteropServices;

namespace ZipLM.Engine.Search;

/// <summary>
/// Which weight c_l the cost of each sublayer gets (ZipLM.md section 4): coefficients start at random in (0, 1), and
/// around the best a tenth of them is changed and kept when the loss falls. A plan that is known is not evaluated again,
/// and one that loses is stopped on a part of the rows, which doubles from look to look (<see cref="Race"/>). The least of
/// many losses is low by luck as well: in the end the best few are judged on rows that none was chosen by.
/// </summary>
/// <param name="solve">The plan with the least Σ c·√p for coefficients: the index of each sublayer's level.</param>
/// <param name="losses">Loss of a plan on each row of a part; a plan's parts are asked for one after the other.</param>
/// <param name="parts">Rows in each part of the search rows, which are in random order; those of the last judgement are the part behind them.</param>
internal sealed class CoefficientSearch(
    Func<IReadOnlyList<double>, IReadOnlyList<int>> solve, Func<IReadOnlyList<int>, int, IReadOnlyList<double>> losses, IReadOnlyList<int> parts)
{
    /// <summary>Standard deviation of the logarithm of what a coefficient is multiplied by.</summary>
    private const double Nudge = 0.5;

    private readonly int _rows = parts.Sum();
    private readonly HashSet<string> _known = [];
    private readonly List<Finalist> _finalists = [];
    private List<double> _bestLosses = [];

    /// <summary>The best coefficients so far.</summary>
    public IReadOnlyList<double> Coefficients { get; private set; } = [];

    /// <summary>Their plan.</summary>
    public IReadOnlyList<int> Plan { get; private set; } = [];

    /// <summary>Its mean loss over all rows.</summary>
    public double Loss { get; private set; } = double.PositiveInfinity;

    /// <summary>Its mean loss over the search rows, without those of the last judgement.</summary>
    public double SearchLoss => _bestLosses.Count == 0 ? Loss : _bestLosses.Take(_rows).Average();

    /// <summary>Trials so far, the starts not counted.</summary>
    public int Trials { get; private set; }

    /// <summary>Plans whose loss was taken.</summary>
    public int Evaluated { get; private set; }

    /// <summary>Plans that were given up before all rows.</summary>
    public int StoppedEarly { get; private set; }

    /// <summary>Called when <see cref="Plan"/>, evaluated just before, is the best.</summary>
    public Action? Kept { get; init; }

    /// <summary>Searches from the best of some coefficients.</summary>
    /// <param name="starts">At least one; of equally good ones the first is kept.</param>
    /// <param name="draws">Trials that are drawn anew as a whole, before those around the best.</param>
    /// <param name="changes">Trials around the best.</param>
    /// <param name="random">Where they come from.</param>
    public void Run(IEnumerable<IReadOnlyList<double>> starts, int draws, int changes, Random random, CancellationToken cancellationToken)
    {
        foreach (var start in starts)
        {
            Try(start, cancellationToken);
        }

        for (var i = 0; i < draws + changes; i++)
        {
            Trials++;
            Try(i < draws ? Draw(random) : Change(random), cancellationToken);
        }
    }

    /// <summary>Chooses among the best few by the mean over the rows that they were found by and over others.</summary>
    /// <param name="count">How many are judged; with one alone there is nothing to choose.</param>
    public void Judge(int count, CancellationToken cancellationToken)
    {
        var best = _finalists.OrderBy(f => f.Losses.Average()).Take(count).ToList();
        if (best.Count < 2)
        {
            return;
        }

        foreach (var finalist in best)
        {
            cancellationToken.ThrowIfCancellationRequested();
            finalist.Losses.AddRange(losses(finalist.Plan, parts.Count));
        }

        // Of equally good ones the one that was the best before.
        var chosen = best.Where(f => double.IsFinite(f.Losses.Sum())).MinBy(f => f.Losses.Average()) ?? best[0];
        (Coefficients, Plan, Loss, _bestLosses) = (chosen.Coefficients, chosen.Plan, chosen.Losses.Average(), chosen.Losses);
    }

    /// <summary>The coefficients of the best few plans, the best first.</summary>
    public IReadOnlyList<IReadOnlyList<double>> Best(int count) => [.. _finalists.OrderBy(f => f.Losses.Take(_rows).Average()).Take(count).Select(f => f.Coefficients)];

    private double[] Draw(Random random) => [.. Coefficients.Select(_ => Coefficient(random))];

    /// <summary>The best coefficients with a tenth of them changed, at least one: drawn again, or, as often, moved a little.</summary>
    private double[] Change(Random random)
    {
        double[] changed = [.. Coefficients];
        var places = Enumerable.Range(0, changed.Length).ToArray();
        random.Shuffle(places);
        var isDrawn = random.Next(2) == 0;
        foreach (var place in places.Take(Math.Max(1, changed.Length / 10)))
        {
            changed[place] = isDrawn ? Coefficient(random) : changed[place] * Math.Exp(Nudge * Normal(random));
        }

        return changed;
    }

    /// <summary>Of mean 0 and deviation 1 (Box and Muller).</summary>
    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>
    /// In (0, 1), the square of an even draw: sublayers differ by more in what they count for than even draws do, which
    /// seldom make one ten times another.
    /// </summary>
    private static double Coefficient(Random random) => Math.Pow(random.NextDouble(), 2);

    private void Try(IReadOnlyList<double> coefficients, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var plan = solve(coefficients);
        if (!_known.Add(string.Join(' ', plan)))
        {
            // Other coefficients of the best plan are as good, and let the search drift to where a single one makes another.
            Coefficients = plan.SequenceEqual(Plan) ? coefficients : Coefficients;
            return;
        }

        if (Plan.Count == 0)
        {
            (Coefficients, Plan) = (coefficients, plan);
        }

        Evaluated++;
        var (own, differences) = (new List<double>(_rows), new List<double>(_rows));
        for (var part = 0; part < parts.Count; part++)
        {
            own.AddRange(losses(plan, part));
            if (_bestLosses.Count == 0)
            {
                continue;
            }

            while (differences.Count < own.Count)
            {
                differences.Add(own[differences.Count] - _bestLosses[differences.Count]);
            }

            if (Race.IsLost(CollectionsMarshal.AsSpan(differences), _rows))
            {
                if (own.Count < _rows)
                {
                    StoppedEarly++;
                }
                else if (double.IsFinite(own.Sum()))
                {
                    _finalists.Add(new(coefficients, plan, own));
                }

                return;
            }
        }

        if (!double.IsFinite(own.Sum()))
        {
            return;
        }

        _finalists.Add(new(coefficients, plan, own));
        (Coefficients, Plan, Loss, _bestLosses) = (coefficients, plan, own.Average(), own);
        Kept?.Invoke();
    }

    /// <summary>A plan that was evaluated on all rows.</summary>
    private sealed record Finalist(IReadOnlyList<double> Coefficients, IReadOnlyList<int> Plan, List<double> Losses);
}
