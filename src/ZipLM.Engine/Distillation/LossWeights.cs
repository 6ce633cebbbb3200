namespace ZipLM.Engine.Distillation;

/// <summary>λ_task, λ_logit and λ_token: how much each loss counts; all ≥ 0 and not all 0.</summary>
public sealed record LossWeights(double Task, double Logit, double Token)
{
    /// <summary>Training without a teacher.</summary>
    public static LossWeights TaskOnly { get; } = new(1, 0, 0);

    /// <summary>Training against a teacher, unless something else is asked for. The losses differ in size: with the quickstart's teacher at 3× they ended at 0.38, 0.09 and 13.6.</summary>
    public static LossWeights Distillation { get; } = new(0.5, 0.5, 0.01);

    /// <summary>True when the teacher's output is needed.</summary>
    internal bool NeedsTeacher => Logit > 0 || Token > 0;
}
