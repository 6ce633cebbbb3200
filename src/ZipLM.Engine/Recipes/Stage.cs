using System.Globalization;

namespace ZipLM.Engine.Recipes;

/// <summary>One step of a run: what it depends on, and how it is done. Its outputs hang on its inputs alone, times apart.</summary>
/// <param name="kind">What it does: <c>prune</c>.</param>
/// <param name="target">The speedup that it works for; null = all.</param>
/// <param name="upstream">The stages whose outputs it takes.</param>
internal abstract class Stage(string kind, double? target, params IEnumerable<Stage?> upstream)
{
    /// <summary>To reckon with where something is measured until it is known well enough.</summary>
    protected const int UsualRounds = 100;

    /// <summary>What it does.</summary>
    public string Kind => kind;

    public double? Target => target;

    /// <summary>Names it among the stages of a run: <c>prune-2x</c>.</summary>
    public string Id { get; } = target is null ? kind : string.Create(CultureInfo.InvariantCulture, $"{kind}-{target}x");

    /// <summary>The stages whose outputs it takes.</summary>
    public IReadOnlyList<Stage> Upstream { get; } = [.. upstream.OfType<Stage>().Distinct()];

    /// <summary>Its place among the stages, from 1.</summary>
    public int Number { get; set; }

    /// <summary>Name of its folder: <c>05-prune-2x</c>.</summary>
    public string Folder => string.Create(CultureInfo.InvariantCulture, $"{Number:00}-{Id}");

    /// <summary>All that its outputs depend on, but for the stages before it.</summary>
    public abstract void Describe(StageInputs inputs, RunContext run);

    /// <summary>Does it: writes its outputs into its folder, which is empty but for a checkpoint.</summary>
    public abstract void Run(StageWork work);

    /// <summary>What it will roughly cost.</summary>
    public abstract StageCost Cost(RunSizes sizes);
}
