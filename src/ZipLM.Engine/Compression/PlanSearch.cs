using System.Globalization;
using ZipLM.Engine.Search;

namespace ZipLM.Engine.Compression;

/// <summary>
/// The plan for a budget with the least loss that a search over coefficients finds. What one search found is where that of
/// the next target begins, and what a corrected budget is solved with.
/// </summary>
/// <param name="trials">Sets of coefficients to try for each target; 0 = all sublayers weigh alike.</param>
internal sealed class PlanSearch(PlanChoices choices, PlanLoss loss, SearchLoss rows, int trials, int seed, IReporter reporter)
{
    /// <summary>One in so many trials is drawn as a whole.</summary>
    private const int Draws = 10;

    /// <summary>Plans that are judged on rows of their own in the end.</summary>
    private const int Finalists = 3;

    /// <summary>Rows, at least, on which sublayers are tried one by one.</summary>
    private const int SensitivityRows = 16;

    /// <summary>One for so many trials is spent again on each corrected budget.</summary>
    private const int Corrections = 4;

    /// <summary>Plans that were found whose coefficients a corrected budget starts from: what of them still fits comes again.</summary>
    private const int Remembered = 8;

    private readonly double[] _alike = [.. Enumerable.Repeat(1.0, choices.Sublayers)];
    private readonly Dictionary<string, (IReadOnlyList<double> Coefficients, IReadOnlyList<double> Losses)> _plans = [];
    private IReadOnlyList<double>? _found;
    private IReadOnlyList<IReadOnlyList<double>> _near = [];
    private SearchSummary _summary = new(0, 0, 0, 0, [], []);

    /// <summary>What was done for the last target, its corrections included, with the coefficients of the plan that was chosen among those found.</summary>
    public SearchSummary Summary(Plan chosen) => _summary with { Coefficients = _plans[Key(chosen)].Coefficients };

    /// <summary>Loss of a plan that was found on each of the search rows.</summary>
    public IReadOnlyList<double> LossesOf(Plan found) => _plans[Key(found)].Losses;

    /// <summary>Predicted time of the fastest plan there is.</summary>
    public double FastestMilliseconds => choices.FastestMilliseconds;

    /// <summary>The plan for a target, or null when none is fast enough.</summary>
    /// <param name="budgetMilliseconds">Time of the whole model, in ms.</param>
    public Plan? Find(double budgetMilliseconds, CancellationToken cancellationToken)
    {
        // The dense model's answers serve all targets.
        _summary = new(0, 0, 0, _found is null ? rows.AnswerTokens : 0, [], []);
        return Search(budgetMilliseconds, _found is null ? [_alike] : [_alike, _found], trials / Draws, trials - (trials / Draws), cancellationToken);
    }

    /// <summary>The plan for a target whose budget was corrected, or null when none is fast enough: from what was found for it before.</summary>
    public Plan? Correct(double budgetMilliseconds, CancellationToken cancellationToken) =>
        Search(budgetMilliseconds, [_found ?? _alike, .. _near], 0, trials / Corrections, cancellationToken);

    private Plan? Search(double budget, IReadOnlyList<IReadOnlyList<double>> starts, int draws, int redraws, CancellationToken cancellationToken)
    {
        if (choices.Solve(budget) is null)
        {
            return null;
        }

        const string activity = "Searching for a plan";
        var before = loss.ForwardTokens;
        var curve = new List<SearchStep>();
        CoefficientSearch search = null!;
        search = new(
            coefficients => choices.Solve(budget, coefficients)!,
            (chosen, part) =>
            {
                reporter.Progress(new(activity, string.Create(CultureInfo.InvariantCulture, $"trial {search.Trials} of {draws + redraws}, loss {search.Loss:0.####}"),
                    search.Trials, draws + redraws));
                return loss.Of([.. chosen.Select(choices.Shapes)], part, cancellationToken);
            },
            [.. rows.Parts.Select(part => rows.Batches.Take(part).Sum(batch => batch.Rows.Count))])
        {
            Kept = () =>
            {
                loss.Keep(choices.Shapes(search.Plan));
                curve.Add(new(_summary.Trials + search.BestTrial, search.Loss, _summary.ForwardTokens + loss.ForwardTokens - before));
            },
        };
        var random = new Random(seed);
        // What sublayers count for is tried on the whole model, and, where the plans are by then, again. It comes first,
        // because what starts worse is then stopped early.
        search.Run(draws > 0 ? starts.Prepend(Tried(choices.Whole, keep: true, cancellationToken)) : starts, draws, redraws / 2, random, cancellationToken);
        if (draws > 0)
        {
            search.Run([Tried(search.Plan, keep: false, cancellationToken)], 0, 0, random, cancellationToken);
        }

        search.Run([], 0, redraws - (redraws / 2), random, cancellationToken);
        if (rows.Final is not null && draws > 0)
        {
            search.Judge(Finalists, cancellationToken);
        }

        reporter.Progress(new(activity, "done", draws + redraws, draws + redraws, Completed: true));
        var plan = choices.Plan(search.Plan, budget);
        _found = search.Coefficients;
        _plans[Key(plan)] = (search.Coefficients, search.Losses);
        _near = search.Best(Remembered);
        _summary = new(
            _summary.Trials + search.Trials, _summary.Evaluated + search.Evaluated, _summary.StoppedEarly + search.StoppedEarly,
            _summary.ForwardTokens + loss.ForwardTokens - before, [], _summary.Curve.Count == 0 ? curve : _summary.Curve);
        reporter.Verbose(string.Create(CultureInfo.InvariantCulture,
            $"Searched for a plan: {search.Trials} trials, {search.Evaluated} plans evaluated, {search.StoppedEarly} of them stopped early, loss {search.Loss:0.####}."));
        return plan;
    }

    /// <param name="keep">The others are to begin like it: it is not the best plan, which they do begin like.</param>
    private IReadOnlyList<double> Tried(IReadOnlyList<int> around, bool keep, CancellationToken cancellationToken) => Sensitivity.Around(
        around, choices, tried => [.. tried.Chunk(CoefficientSearch.Wave).SelectMany(wave => Means(wave, keep ? around : null, cancellationToken))]);

    /// <summary>Mean loss of a few plans on the rows on which sublayers are tried.</summary>
    /// <param name="kept">The one of them that the others are to begin like; null = none.</param>
    private IEnumerable<double> Means(IReadOnlyList<IReadOnlyList<int>> wave, IReadOnlyList<int>? kept, CancellationToken cancellationToken)
    {
        var losses = wave.Select(_ => new List<double>()).ToList();
        for (var part = 0; part < rows.Parts.Count && losses[0].Count < SensitivityRows; part++)
        {
            foreach (var (own, found) in losses.Zip(loss.Of([.. wave.Select(choices.Shapes)], part, cancellationToken)))
            {
                own.AddRange(found);
            }
        }

        if (kept is not null && wave.Contains(kept))
        {
            loss.Keep(choices.Shapes(kept));
        }

        return losses.Select(own => own.Average());
    }

    private static string Key(Plan plan) => string.Join(' ', plan.Layers);
}
