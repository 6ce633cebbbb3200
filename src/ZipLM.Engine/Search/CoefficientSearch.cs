namespace ZipLM.Engine.Search;

/// <summary>
/// Which weight c_l the cost of each sublayer gets (ZipLM.md section 4): coefficients start at random in (0, 1), and
/// around the best a tenth of them is changed and kept when the loss falls. A few plans are evaluated at a time, so that a
/// device has more to do at once; a plan that is known is not evaluated again, and one that loses against the best of before
/// is stopped on a part of the rows, which doubles from look to look (<see cref="Race"/>). The least of many losses is low by
/// luck as well: in the end the best few are judged on rows that none was chosen by.
/// </summary>
/// <param name="solve">The plan with the least Σ c·√p for coefficients: the index of each sublayer's level.</param>
/// <param name="losses">Loss of plans on each row of a part; a plan's parts are asked for one after the other.</param>
/// <param name="parts">Rows in each part of the search rows, which are in random order; those of the last judgement are the part behind them.</param>
internal sealed class CoefficientSearch(
    Func<IReadOnlyList<double>, IReadOnlyList<int>> solve,
    Func<IReadOnlyList<IReadOnlyList<int>>, int, IReadOnlyList<IReadOnlyList<double>>> losses, IReadOnlyList<int> parts)
{
    /// <summary>Standard deviation of the logarithm of what a coefficient is multiplied by.</summary>
    private const double Nudge = 0.5;

    /// <summary>Plans that are evaluated at a time: always as many, whatever room the device has, since who runs against whom decides what is found.</summary>
    public const int Wave = 4;

    private readonly int _rows = parts.Sum();
    private readonly HashSet<string> _known = [];
    private readonly List<Candidate> _finished = [];
    private List<double> _bestLosses = [];

    /// <summary>The best coefficients so far.</summary>
    public IReadOnlyList<double> Coefficients { get; private set; } = [];

    /// <summary>Their plan.</summary>
    public IReadOnlyList<int> Plan { get; private set; } = [];

    /// <summary>Its mean loss over all rows.</summary>
    public double Loss { get; private set; } = double.PositiveInfinity;

    /// <summary>Its loss on each of the search rows, without those of the last judgement; empty where no plan has one.</summary>
    public IReadOnlyList<double> Losses => _bestLosses.Take(_rows).ToList();

    /// <summary>The trial that found it, 0 for a start.</summary>
    public int BestTrial { get; private set; }

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
            if (New(start) is { } candidate)
            {
                Evaluate([candidate], cancellationToken);
            }
        }

        for (var trial = 0; trial < draws + changes;)
        {
            var wave = new List<Candidate>();
            for (; trial < draws + changes && wave.Count < Wave; trial++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Trials++;
                if (New(trial < draws ? Draw(random) : Change(random)) is { } candidate)
                {
                    wave.Add(candidate);
                }
            }

            Evaluate(wave, cancellationToken);
        }
    }

    /// <summary>Chooses among the best few by the mean over the rows that they were found by and over others.</summary>
    /// <param name="count">How many are judged; with one alone there is nothing to choose.</param>
    public void Judge(int count, CancellationToken cancellationToken)
    {
        var best = _finished.OrderBy(f => f.Loss).Take(count).ToList();
        if (best.Count < 2)
        {
            return;
        }

        cancellationToken.ThrowIfCancellationRequested();
        foreach (var (finalist, found) in best.Zip(losses([.. best.Select(f => f.Plan)], parts.Count)))
        {
            finalist.Losses.AddRange(found);
        }

        // Of equally good ones the one that was the best before.
        Take(best.Where(f => f.IsFinite).MinBy(f => f.Loss) ?? best[0]);
    }

    /// <summary>The coefficients of the best few plans, the best first.</summary>
    public IReadOnlyList<IReadOnlyList<double>> Best(int count) => [.. _finished.OrderBy(f => f.Losses.Take(_rows).Average()).Take(count).Select(f => f.Coefficients)];

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

    /// <summary>What coefficients come to, if that is a plan that is not known yet.</summary>
    private Candidate? New(IReadOnlyList<double> coefficients)
    {
        var plan = solve(coefficients);
        if (!_known.Add(string.Join(' ', plan)))
        {
            // Other coefficients of the best plan are as good, and let the search drift to where a single one makes another.
            Coefficients = plan.SequenceEqual(Plan) ? coefficients : Coefficients;
            return null;
        }

        if (Plan.Count == 0)
        {
            (Coefficients, Plan) = (coefficients, plan);
        }

        Evaluated++;
        return new(Trials, coefficients, plan, []);
    }

    /// <summary>Lets candidates run against the best so far, part by part, and keeps the best of those that have not lost.</summary>
    private void Evaluate(IReadOnlyList<Candidate> wave, CancellationToken cancellationToken)
    {
        var running = wave;
        for (var part = 0; part < parts.Count && running.Count > 0; part++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var (candidate, found) in running.Zip(losses([.. running.Select(c => c.Plan)], part)))
            {
                candidate.Losses.AddRange(found);
            }

            running = [.. running.Where(candidate => !HasLost(candidate))];
        }

        StoppedEarly += wave.Count(candidate => candidate.Losses.Count < _rows);
        _finished.AddRange(wave.Where(candidate => candidate.Losses.Count == _rows && candidate.IsFinite));
        if (running.Where(candidate => candidate.IsFinite).MinBy(candidate => candidate.Loss) is { } best)
        {
            Take(best);
            Kept?.Invoke();
        }
    }

    private bool HasLost(Candidate candidate) =>
        _bestLosses.Count > 0 && Race.IsLost(candidate.Losses.Zip(_bestLosses, (own, best) => own - best).ToArray(), _rows);

    private void Take(Candidate best) => (BestTrial, Coefficients, Plan, Loss, _bestLosses) = (best.Trial, best.Coefficients, best.Plan, best.Loss, best.Losses);

    /// <summary>A plan with its loss on each row that it was evaluated on.</summary>
    private sealed record Candidate(int Trial, IReadOnlyList<double> Coefficients, IReadOnlyList<int> Plan, List<double> Losses)
    {
        public double Loss => Losses.Average();

        public bool IsFinite => double.IsFinite(Losses.Sum());
    }
}
