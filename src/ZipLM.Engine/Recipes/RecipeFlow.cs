using System.Globalization;
using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
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
        var dense = ModelLocator.Default().LocateAsync(recipe.Model, currentDirectory, null, () => HubSettings.Default(), reporter, cancellationToken)
            .GetAwaiter().GetResult().Directory;
        var context = new RunContext(recipe, runDirectory, dense, session, cancellationToken);
        RequireData(context, ModelReader.Read(dense).Description, reporter);
        using var directory = RunDirectory.Open(recipe, runDirectory, reporter);
        try
        {
            var stages = StagePlan.Of(recipe);
            directory.Arrange(recipe, stages, reporter);
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
        if (!IsHere(recipe.Model, currentDirectory, out var directory))
        {
            return RunEstimate.Unknown(recipe, $"The model '{recipe.Model}' would be downloaded from the hub first: time and disk are known when it is here.");
        }

        return RunEstimate.Of(new(recipe, runDirectory, directory, null, CancellationToken.None), ModelReader.Read(directory).Description);
    }

    /// <summary>Whether the model is on this machine; false where the hub would be asked for it.</summary>
    private static bool IsHere(string model, string currentDirectory, out string directory)
    {
        try
        {
            directory = ModelLocator.Default().Locate(model, currentDirectory).Directory;
            return true;
        }
        catch (ZipLMException e) when (e.ErrorId == "ZipLM.ModelNotFound" && HubAliases.IsOnHub(model) && !HubSettings.Default().Offline)
        {
            directory = string.Empty;
            return false;
        }
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
                    $"The recipe '{recipe.Name}' is for {wanted.Device}, {wanted.Precision}, {Threads(recipe)} thread(s), seed {wanted.Seed}; {session} has {session.Precision}, {session.Threads} thread(s), seed {session.Seed}."),
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
            && session.Threads == Threads(recipe)
            && (!recipe.NamesDevice || wanted.Device == "auto" || session.Device == wanted.Device || session.Device.StartsWith(wanted.Device + ":", StringComparison.Ordinal));
    }

    /// <summary>Without a number it is one thread for each processor, as everywhere.</summary>
    private static int Threads(Recipe recipe) => recipe.Session.Threads > 0 ? recipe.Session.Threads : Environment.ProcessorCount;

    /// <summary>Data that cannot be read, or has no labels where they are needed, is found before anything starts.</summary>
    private static void RequireData(RunContext run, ModelDescription model, IReporter reporter)
    {
        var (recipe, data) = (run.Recipe, run.Recipe.Data);
        if (model.Task == ModelTask.FeatureExtraction)
        {
            throw new ZipLMException("ModelHeadMissing", ErrorKind.InvalidOperation,
                $"The model '{recipe.Model}' has no head for a task: its members could not be judged.", "Use a checkpoint for a task, or New-Model -Task.", recipe.Model);
        }

        var task = new[] { recipe.FineTune, recipe.Distillation }.OfType<TrainingOptions>().Any(o => o.Weights.Task > 0);
        var trains = recipe.FineTune is not null || recipe.Distillation is not null;
        foreach (var (set, isLabelled, use) in new[]
        {
            (data.Calibration, false, string.Empty), (data.Evaluation, true, "evaluation"), (data.Validation, trains, "validation"), (data.Train, task, "the task loss"),
        })
        {
            if (set is null)
            {
                continue;
            }

            var read = run.Read(set, reporter.Warning);
            if (isLabelled && !LabelAlignment.HasTargets(LabelAlignment.Align(read, model.Task, model.Labels), model.Task))
            {
                throw new ZipLMException("DatasetUnlabelled", ErrorKind.InvalidData,
                    $"The data set '{set.Path}' has rows without a label, which {use} needs.", "Give labelled data in the recipe's section data.", set.Path);
            }
        }
    }
}
