using Xunit;
using ZipLM.Engine.Distillation;

namespace ZipLM.Engine.Tests.Distillation;

public sealed class RateScheduleTests
{
    [Fact]
    public void Linear_rises_over_the_warm_up_and_falls_to_zero()
    {
        var schedule = new RateSchedule(LearningRateSchedule.Linear, 2, TotalSteps: 10, WarmUpSteps: 4);
        Assert.Equal([0.5, 1, 1.5, 2, 2, 2 * 5 / 6.0, 2 * 4 / 6.0, 1, 2 * 2 / 6.0, 2 / 6.0, 0], Enumerable.Range(0, 11).Select(schedule.At), Near);
    }

    [Fact]
    public void Cosine_falls_as_half_a_wave()
    {
        var schedule = new RateSchedule(LearningRateSchedule.Cosine, 2, TotalSteps: 6, WarmUpSteps: 2);
        Assert.Equal([1, 2, 2, 1 + Math.Sqrt(0.5), 1, 1 - Math.Sqrt(0.5), 0], Enumerable.Range(0, 7).Select(schedule.At), Near);
    }

    [Fact]
    public void Constant_stays_after_the_warm_up()
    {
        var schedule = new RateSchedule(LearningRateSchedule.Constant, 2, TotalSteps: 4, WarmUpSteps: 2);
        Assert.Equal([1.0, 2, 2, 2], Enumerable.Range(0, 4).Select(schedule.At));
    }

    [Fact]
    public void Without_warm_up_it_starts_at_its_largest()
    {
        var schedule = new RateSchedule(LearningRateSchedule.Linear, 3, TotalSteps: 3, WarmUpSteps: 0);
        Assert.Equal([3.0, 2, 1, 0], Enumerable.Range(0, 4).Select(schedule.At), Near);
    }

    [Fact]
    public void It_may_be_warm_up_alone()
    {
        var schedule = new RateSchedule(LearningRateSchedule.Linear, 3, TotalSteps: 3, WarmUpSteps: 3);
        Assert.Equal([1.0, 2, 3], Enumerable.Range(0, 3).Select(schedule.At));
    }

    private static bool Near(double one, double other) => Math.Abs(one - other) < 1e-12;
}
