using ZipLM.Engine.Data;

namespace ZipLM.Engine.Distillation;

/// <summary>What is computed at a time: a batch, or a part of one whose gradients are summed with those of the others.</summary>
/// <param name="Teacher">What the teacher says of it; null when nothing is asked of one.</param>
/// <param name="Share">How much of the step it is.</param>
/// <param name="Seed">Of its dropout. It follows from run, step and part, so a run that goes on needs no generator's state.</param>
internal sealed record TrainingPart(Batch Batch, TeacherAnswer? Teacher, PartShare Share, long Seed) : IDisposable
{
    public void Dispose()
    {
        Batch.Dispose();
        Teacher?.Dispose();
    }
}
