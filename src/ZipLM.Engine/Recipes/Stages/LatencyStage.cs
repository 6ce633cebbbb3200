using System.Globalization;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>
/// The latency table of the run: the recorded one, or one that is measured now, and never again. Times do not hang on the
/// values of the weights, so it is that of the recipe's model, trained or not.
/// </summary>
internal sealed class LatencyStage(ModelInput model)
    : Stage("latency", null, model.Stage)
{
    private const string TableFile = "table.yaml";

    public override void Describe(StageInputs inputs, RunContext run)
    {
        var (recipe, latency) = (run.Recipe, run.Recipe.Latency);
        if (latency.Table is { } table)
        {
            inputs.File("latency table", run.Hash(table));
            inputs.Setting("trust", latency.Trust);
        }
        else
        {
            run.Add(inputs, model);
            run.Add(inputs, "calibration data", recipe.Data.Calibration);
            inputs.Setting("calibration_samples", recipe.Pruning.Samples);
            inputs.Setting("seed", recipe.Session.Seed);
            inputs.Setting("rounds", latency.Rounds);
            inputs.Setting("device", recipe.Session.Device);
            inputs.Setting("threads", recipe.Session.Threads);
            inputs.Setting("precision", recipe.Session.Precision.ToString());
        }

        inputs.Setting("batch_size", latency.BatchSize);
        inputs.Setting("sequence_length", latency.SequenceLength);
        // Only where it is said, so that runs that were begun without it go on.
        if (latency.GeneratedTokens is { } generated)
        {
            inputs.Setting("generated_tokens", generated);
        }
        latency.AddRuntime(inputs);
    }

    public override void Run(StageWork work)
    {
        var (recipe, latency) = (work.Run.Recipe, work.Run.Recipe.Latency);
        using var opened = work.Run.Open(model);
        var path = work.Folder.File(TableFile);
        if (latency.Table is { } recorded)
        {
            LatencyTableFlow.Import(recorded, opened, () => work.Run.Session, work.Run.Directory);
            AtomicFile.Write(path, File.ReadAllBytes(recorded));
        }
        else
        {
            var table = LatencyFlow.Run(
                opened, work.Run.Read(recipe.Data.Calibration), latency.BatchSize ?? 1, latency.SequenceLength, latency.Rounds, work.Reporter, work.Cancellation,
                latency.Runtime, latency.GeneratedTokens ?? 0);
            LatencyTableFlow.Export(table, path, replace: false);
        }
    }

    /// <summary>Refuses a table that pruning would refuse hours later: of another environment, or one by which a target is out of reach.</summary>
    public void RequireUsable(StageWork work)
    {
        using var opened = work.Run.Open(model);
        var table = Table(work, opened);
        RequireFit(table, opened, work);
        RequireReachable(table, work.Run.Recipe);
    }

    public override StageCost Cost(RunSizes sizes) => sizes.Recipe.Latency.Table is not null ? default
        : new((sizes.Recipe.Latency.Rounds ?? UsualRounds) * RunSizes.LevelsMeasured / (2 * sizes.Model.Layers.Count) * sizes.Forward(sizes.PassTokens), 1e4);

    /// <summary>The table that this stage has, for a model of its dimensions.</summary>
    public LatencyTable Table(StageWork work, TransformerModel other) =>
        LatencyTableFlow.Import(work.Of(this).File(TableFile), other, () => work.Run.Session, work.Run.Directory);

    private static void RequireFit(LatencyTable table, TransformerModel model, StageWork work)
    {
        var (recipe, measured) = (work.Run.Recipe, table.Environment);
        var name = recipe.Latency.Table is { } file ? $"The latency table '{file}'" : "The latency table of this run";
        var (batchSize, length) = (recipe.Latency.BatchSize ?? measured.BatchSize, recipe.Latency.SequenceLength ?? measured.SequenceLength);
        var generated = recipe.Latency.GeneratedTokens ?? measured.GeneratedTokens;
        if ((batchSize, length, generated) != (measured.BatchSize, measured.SequenceLength, measured.GeneratedTokens))
        {
            throw new ZipLMException("LatencyTableShape", ErrorKind.InvalidData,
                $"{name} was measured at batch {measured.BatchSize}, length {measured.SequenceLength}, {measured.GeneratedTokens} generated tokens, but the recipe says batch {batchSize}, length {length}, {generated} generated tokens.",
                "Take batch_size, sequence_length and generated_tokens out of the recipe, or give a table of this shape.", recipe.Latency.Table);
        }

        using var timer = new ForwardTimer(model.Session, model.Description, measured.BatchSize, measured.SequenceLength, recipe.Latency.Runtime ?? RuntimeChoice.Of(measured), measured.GeneratedTokens);
        if (timer.Environment == measured)
        {
            return;
        }

        var message = $"{name} was measured on {measured}, but this is {timer.Environment}.";
        if (!recipe.Latency.Trust)
        {
            throw new ZipLMException("LatencyTableEnvironment", ErrorKind.InvalidOperation, message,
                recipe.Latency.Table is null
                    ? $"Start it again where that was; or write trust: true in the recipe's section latency, to go on by it here; or delete '{work.Folder.Path}': one is measured here, and what depends on it, trainings too, is done again."
                    : "Take the table out of the recipe, so that one is measured here, or write trust: true beside it.",
                recipe.Latency.Table ?? work.Folder.Path);
        }

        work.Reporter.Warning(message);
    }

    /// <summary>A target that no plan reaches is said before anything is pruned for the others.</summary>
    private static void RequireReachable(LatencyTable table, Recipe recipe)
    {
        var layers = table.Model.Layers.Count;
        var fastest = table.RestMilliseconds + Enum.GetValues<Sublayer>().Sum(s => layers * table.LevelsOf(s).Min(l => table.Milliseconds(s, l)));
        var largest = table.DenseMilliseconds / fastest;
        if (recipe.Targets[^1] > largest)
        {
            throw new ZipLMException("SpeedupUnreachable", ErrorKind.InvalidData,
                string.Create(CultureInfo.InvariantCulture,
                    $"The recipe '{recipe.File}' asks for {recipe.Targets[^1]}×, but the largest speedup that can be reached is {Math.Floor(largest * 100) / 100:0.00}×: with nothing left of its layers the model still takes {fastest:0.###} of {table.DenseMilliseconds:0.###} ms."),
                "Take the targets above it out of the recipe; what is done is kept.", recipe.Targets[^1]);
        }
    }
}
