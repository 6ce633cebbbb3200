namespace ZipLM.Engine.Distillation;

/// <summary>A learning rate that rises linearly over the warm-up and then falls linearly to 0.</summary>
internal sealed record LinearSchedule(double LearningRate, int TotalSteps, int WarmUpSteps)
{
    /// <summary>The learning rate of a step, counted from 0.</summary>
    public double At(int step) => step < WarmUpSteps
        ? LearningRate * (step + 1) / WarmUpSteps
        : LearningRate * (TotalSteps - step) / Math.Max(TotalSteps - WarmUpSteps, 1);
}
