using ZipLM.Engine.Distillation;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Recipes;

/// <summary>A whole compression run, as a recipe file describes it. Read by <see cref="RecipeFile"/>.</summary>
public sealed record Recipe
{
    /// <summary>What the run is called: its members are <c>name-2x</c>, …, and a run directory belongs to one name.</summary>
    public required string Name { get; init; }

    /// <summary>Absolute path of the file.</summary>
    public required string File { get; init; }

    /// <summary>Dense time ÷ pruned time of each member, rising, each &gt; 1.</summary>
    public required IReadOnlyList<double> Targets { get; init; }

    /// <summary>The session that the run needs.</summary>
    public required SessionOptions Session { get; init; }

    /// <summary>True where the recipe says which device it needs; otherwise any session's will do.</summary>
    public bool NamesDevice { get; init; }

    /// <summary>The dense model: a path, or a name as Get-Model takes it.</summary>
    internal string Model { get; init; } = null!;

    internal RecipeData Data { get; init; } = null!;

    internal RecipeLatency Latency { get; init; } = null!;

    internal RecipeSchedule Schedule { get; init; }

    /// <summary>Training of the dense model before anything is pruned; null = it is trained already.</summary>
    internal TrainingOptions? FineTune { get; init; }

    internal RecipePruning Pruning { get; init; } = null!;

    /// <summary>Training of each pruned model; null = none.</summary>
    internal TrainingOptions? Distillation { get; init; }

    /// <summary>Paired rounds behind each member's measured speedup; null = at least 60, and until it is known within 1 %.</summary>
    internal int? EvaluationRounds { get; init; }

    internal IReadOnlyList<RecipeExport> Exports { get; init; } = null!;

    /// <summary>Directory of the file: what its paths are relative to.</summary>
    internal string Directory => Path.GetDirectoryName(File)!;
}
