namespace ZipLM;

/// <summary>What a criterion holds of one structure, when it goes, and what its going costs.</summary>
public sealed record StructureSaliency
{
    /// <summary>The model that the structure belongs to; binds from the pipeline.</summary>
    public required Model Model { get; init; }

    /// <summary>The block, counted from 0.</summary>
    public required int Layer { get; init; }

    /// <summary>Attention (a structure is a head) or feed-forward (a structure is a column).</summary>
    public required Sublayer Sublayer { get; init; }

    /// <summary>The head or column, counted from 0 in the model as it is.</summary>
    public required int Index { get; init; }

    /// <summary>By which score the structures go.</summary>
    public required PruningCriterion Criterion { get; init; }

    /// <summary>True when the structures that are left take over the work of those that go.</summary>
    public required bool Repair { get; init; }

    /// <summary>The criterion's score of it while all are there. ZipLM: the cost of removing it first, as a share of the sublayer's output; the others: see <see cref="PruningCriterion"/>.</summary>
    public required double Saliency { get; init; }

    /// <summary>Its place in the order of removal within the sublayer: 1 = first to go.</summary>
    public required int Order { get; init; }

    /// <summary>The sublayer's prior (relative output error, 0–1) once it and all before it are gone.</summary>
    public required double PriorAfter { get; init; }

    /// <summary>The sublayer's level (heads or width) once it and all before it are gone.</summary>
    public int LevelAfter { get; init; }

    /// <summary>Time of the sublayer at that level, in ms, where a latency table was given that has the level; else null.</summary>
    public double? MillisecondsAfter { get; init; }

    /// <summary>
    /// Its place among the structures of all sublayers: 1 = lowest. By <see cref="PriorAfter"/> rising, which is the one measure
    /// that all sublayers share; equal ones by layer, sublayer and order.
    /// </summary>
    public required int Rank { get; init; }

    /// <summary>Damping that was asked for, as a share of the mean diagonal of H.</summary>
    public required double RequestedDamping { get; init; }

    /// <summary>Damping that the sublayer's statistics needed, as a share of the mean diagonal of H.</summary>
    public required double Damping { get; init; }

    /// <summary>
    /// Condition number (1-norm) of the sublayer's damped H; from about 1e12 on, calibrate with more varied data. Null where H
    /// was not inverted: another criterion than ZipLM, without repair.
    /// </summary>
    public required double? Condition { get; init; }
}
