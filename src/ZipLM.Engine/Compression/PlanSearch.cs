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
    private const int Draws = 3;

    /// <summary>One for so many trials is spent again on each corrected budget.</summary>
    private const int Corrections = 10;

    private readonly double[] _alike = [.. Enumerable.Repeat(1.0, choices.Sublayers)];
    private IReadOnlyList<double>? _found;
    private SearchSummary _summary = new(0, 0, 0, 0, [], []);

    /// <summary>What was done for the last target, its corrections included.</summary>
    public SearchSummary Summary => _summary with { Coefficients = _found ?? _alike };

    /// <summary>Predicted time of the fastest plan there is.</summary>
    public double FastestMilliseconds => choices.FastestMilliseconds;

    /// <summary>The plan for a target, or null when none is fast enough.</summary>
    /// <param name="budgetMilliseconds">Time of the whole model, in ms.</param>
    public Plan? Find(double budgetMilliseconds, CancellationToken cancellationToken)
    {
        _summary = new(0, 0, 0, 0, [], []);
        return Search(budgetMilliseconds, _found is null ? [_alike] : [_alike, _found], trials / Draws, trials - (trials / Draws), cancellationToken);
    }

    /// <summary>The plan for a target whose budget was corrected, or null when none is fast enough: from what was found for it before.</summary>
    public Plan? Correct(double budgetMilliseconds, CancellationToken cancellationToken) =>
        Search(budgetMilliseconds, [_found ?? _alike], 0, trials / Corrections, cancellationToken);

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
                return loss.Of(choices.Shapes(chosen), part, cancellationToken);
            },
            [.. rows.Parts.Select(part => rows.Batches.Take(part).Sum(batch => batch.Rows.Count))])
        {
            Kept = () =>
            {
                loss.Keep();
                curve.Add(new(_summary.Trials + search.Trials, search.Loss, _summary.ForwardTokens + loss.ForwardTokens - before));
            },
        };
        search.Run(starts, draws, redraws, new Random(seed), cancellationToken);
        reporter.Progress(new(activity, "done", draws + redraws, draws + redraws, Completed: true));
        _found = search.Coefficients;
        _summary = new(
            _summary.Trials + search.Trials, _summary.Evaluated + search.Evaluated, _summary.StoppedEarly + search.StoppedEarly,
            _summary.ForwardTokens + loss.ForwardTokens - before, [], _summary.Curve.Count == 0 ? curve : _summary.Curve);
        reporter.Verbose(string.Create(CultureInfo.InvariantCulture,
            $"Searched for a plan: {search.Trials} trials, {search.Evaluated} plans evaluated, {search.StoppedEarly} of them stopped early, loss {search.Loss:0.####}."));
        return choices.Plan(search.Plan, budget);
    }
}
