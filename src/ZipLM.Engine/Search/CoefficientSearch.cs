using System.Runtime.InteropServices;

namespace ZipLM.Engine.Search;

/// <summary>
/// Which weight c_l the prior of each sublayer gets (ZipLM.md section 4): coefficients start at random in (0, 1), and
/// around the best a tenth of them is redrawn and kept when the loss falls. A plan that is known is not evaluated again,
/// and one that loses is stopped on a part of the rows, which doubles from look to look (<see cref="Race"/>).
/// </summary>
/// <param name="solve">The plan with the least Σ c·p for coefficients: the index of each sublayer's level.</param>
/// <param name="losses">Loss of a plan on each row of a part; a plan's parts are asked for one after the other.</param>
/// <param name="parts">Rows in each part of the search rows, which are in random order.</param>
internal sealed class CoefficientSearch(
    Func<IReadOnlyList<double>, IReadOnlyList<int>> solve, Func<IReadOnlyList<int>, int, IReadOnlyList<double>> losses, IReadOnlyList<int> parts)
{
    private readonly int _rows = parts.Sum();
    private readonly HashSet<string> _known = [];
    private List<double> _bestLosses = [];

    /// <summary>The best coefficients so far.</summary>
    public IReadOnlyList<double> Coefficients { get; private set; } = [];

    /// <summary>Their plan.</summary>
    public IReadOnlyList<int> Plan { get; private set; } = [];

    /// <summary>Its mean loss over all rows.</summary>
    public double Loss { get; private set; } = double.PositiveInfinity;

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
    /// <param name="redraws">Trials around the best.</param>
    /// <param name="random">Where they come from.</param>
    public void Run(IEnumerable<IReadOnlyList<double>> starts, int draws, int redraws, Random random, CancellationToken cancellationToken)
    {
        foreach (var start in starts)
        {
            Try(start, cancellationToken);
        }

        for (var i = 0; i < draws + redraws; i++)
        {
            Trials++;
            Try(i < draws ? Draw(random) : Redraw(random), cancellationToken);
        }
    }

    private double[] Draw(Random random) => [.. Coefficients.Select(_ => Coefficient(random))];

    /// <summary>The best coefficients with a tenth of them drawn again, at least one.</summary>
    private double[] Redraw(Random random)
    {
        double[] changed = [.. Coefficients];
        var places = Enumerable.Range(0, changed.Length).ToArray();
        random.Shuffle(places);
        foreach (var place in places.Take(Math.Max(1, changed.Length / 10)))
        {
            changed[place] = Coefficient(random);
        }

        return changed;
    }

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
                StoppedEarly += own.Count < _rows ? 1 : 0;
                return;
            }
        }

        if (!double.IsFinite(own.Sum()))
        {
            return;
        }

        (Coefficients, Plan, Loss, _bestLosses) = (coefficients, plan, own.Average(), own);
        Kept?.Invoke();
    }
}
