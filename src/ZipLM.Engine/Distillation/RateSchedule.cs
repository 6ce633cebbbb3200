namespace ZipLM.Engine.Distillation;

/// <summary>A learning rate that rises linearly over the warm-up and then goes on as its kind says.</summary>
internal sealed record RateSchedule(LearningRateSchedule Kind, double LearningRate, int TotalSteps, int WarmUpSteps)
{
    /// <summary>The learning rate of a step, counted from 0.</summary>
    public double At(int step)
    {
        if (step < WarmUpSteps)
        {
            return LearningRate * (step + 1) / WarmUpSteps;
        }

        var left = (double)(TotalSteps - step) / Math.Max(TotalSteps - WarmUpSteps, 1);
        return LearningRate * Kind switch
        {
            LearningRateSchedule.Linear => left,
            LearningRateSchedule.Cosine => (1 - Math.Cos(Math.PI * left)) / 2,
            _ => 1,
        };
    }
}
