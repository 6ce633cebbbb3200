using Xunit;
using ZipLM.Engine.Distillation;

namespace ZipLM.Engine.Tests.Distillation;

public sealed class LinearScheduleTests
{
    [Fact]
    public void It_rises_over_the_warm_up_and_falls_to_zero()
    {
        var schedule = new LinearSchedule(2, TotalSteps: 10, WarmUpSteps: 4);
        Assert.Equal([0.5, 1, 1.5, 2, 2, 2 * 5 / 6.0, 2 * 4 / 6.0, 1, 2 * 2 / 6.0, 2 / 6.0, 0], Enumerable.Range(0, 11).Select(schedule.At));
    }

    [Fact]
    public void Without_warm_up_it_starts_at_its_largest()
    {
        var schedule = new LinearSchedule(3, TotalSteps: 3, WarmUpSteps: 0);
        Assert.Equal([3.0, 2, 1, 0], Enumerable.Range(0, 4).Select(schedule.At));
    }

    [Fact]
    public void It_may_be_warm_up_alone()
    {
        var schedule = new LinearSchedule(3, TotalSteps: 3, WarmUpSteps: 3);
        Assert.Equal([1.0, 2, 3], Enumerable.Range(0, 3).Select(schedule.At));
    }
}
