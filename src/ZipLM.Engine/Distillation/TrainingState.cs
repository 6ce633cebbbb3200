namespace ZipLM.Engine.Distillation;

/// <summary>How far a run is; with the weights and the optimiser's means all that it needs to go on.</summary>
internal sealed record TrainingState
{
    /// <summary>Steps done. The position in the data, the learning rate and the seeds follow from it.</summary>
    public int Step { get; init; }

    /// <summary>The step of the last line of the learning curve.</summary>
    public int Logged { get; init; }

    /// <summary>Rows that are computed at a time, after any halving.</summary>
    public required int PartSize { get; init; }

    /// <summary>The score of the best validation so far, larger is better; null before the first.</summary>
    public double? Best { get; init; }

    /// <summary>Validations since the best one.</summary>
    public int Waited { get; init; }

    /// <summary>Whether the teacher's answers come from a cache; null where there is no teacher.</summary>
    public bool? CachesTeacher { get; init; }

    /// <summary>Whether training has ended.</summary>
    public bool Done { get; init; }
}
