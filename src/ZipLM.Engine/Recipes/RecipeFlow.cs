using System.Globalization;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>
/// Invoke-CompressionRecipe: does the stages of a recipe that are not done yet. A stage is done when its mark says so, its
/// inputs are what they were, and its files are whole; so a run that was stopped goes on where it was.
/// </summary>
public static class RecipeFlow
{
    /// <summary>Runs a recipe.</summary>
    /// <param name="runDirectory">Absolute path.</param>
    /// <param name="currentDirectory">What a model's relative path starts from when it is none beside the recipe.</param>
    /// <param name="write">Receives each member as soon as it is written, those of earlier runs too.</param>
    /// <returns>All members side by side.</returns>
    public static CompressionSummary Run(
        Recipe recipe, string runDirectory, TorchSession session, string currentDirectory, Action<Model> write, IReporter reporter, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(write);
        ArgumentNullException.ThrowIfNull(reporter);
        RequireSession(recipe, session);
        var dense = ModelLocator.Default().Locate(recipe.Model, currentDirectory).Directory;
        var context = new RunContext(recipe, runDirectory, dense, session, cancellationToken);
        RequireData(context, reporter);
        using var directory = RunDirectory.Open(recipe, runDirectory, reporter);
        try
        {
            var stages = StagePlan.Of(recipe);
            directory.Arrange(recipe, stages);
            return new StageRunner(context, stages, reporter, cancellationToken).Run(write);
        }
        catch (Exception e) when (WriteFailure.Explain(e, runDirectory, 0) is { } error)
        {
            throw error;
        }
    }

    /// <summary>What a run would do, without a session and without writing.</summary>
    public static RunEstimate Plan(Recipe recipe, string runDirectory, string currentDirectory)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        RunDirectory.Require(recipe, runDirectory);
        var (description, _) = ModelReader.Read(ModelLocator.Default().Locate(recipe.Model, currentDirectory).Directory);
        return RunEstimate.Of(recipe, runDirectory, description);
    }

    /// <summary>Refuses a session in which the recipe would give something else.</summary>
    public static void RequireSession(Recipe recipe, GpuSession session)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(session);
        if (!Fits(recipe, session))
        {
            var wanted = recipe.Session;
            throw new ZipLMException("RecipeSession", ErrorKind.InvalidOperation,
                string.Create(CultureInfo.InvariantCulture,
                    $"The recipe '{recipe.Name}' is for {wanted.Device}, {wanted.Precision}, {(wanted.Threads == 0 ? "any" : wanted.Threads)} thread(s), seed {wanted.Seed}; {session} has {session.Precision}, {session.Threads} thread(s), seed {session.Seed}."),
                "Leave -Session out, or disconnect that session (Disconnect-GpuSession): the recipe then makes its own.", session);
        }
    }

    /// <summary>True when a session is what the recipe asks for.</summary>
    public static bool Fits(Recipe recipe, GpuSession session)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(session);
        var wanted = recipe.Session;
        return session.Precision == wanted.Precision && session.Seed == wanted.Seed
            && (wanted.Threads == 0 || session.Threads == wanted.Threads)
            && (!recipe.NamesDevice || wanted.Device == "auto" || session.Device == wanted.Device || session.Device.StartsWith(wanted.Device + ":", StringComparison.Ordinal));
    }

    /// <summary>Data that cannot be read, or has no labels where they are needed, is found before anything starts.</summary>
    private static void RequireData(RunContext run, IReporter reporter)
    {
        var data = run.Recipe.Data;
        foreach (var set in new[] { data.Train, data.Validation, data.Calibration, data.Evaluation }.OfType<RecipeDataset>().Distinct())
        {
            _ = run.Read(set, reporter.Warning);
        }
    }
}
