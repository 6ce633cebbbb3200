namespace ZipLM.Engine.Distillation;

/// <summary>All that has to do with the teacher of a run.</summary>
/// <param name="Pairs">Which blocks are compared; null when the token loss has no weight.</param>
/// <param name="Cache">The teacher's answers; null when they are asked for in each step.</param>
internal sealed record Teaching(Teacher Teacher, LayerPairs? Pairs, TeacherCache? Cache) : IDisposable
{
    public void Dispose()
    {
        Pairs?.Dispose();
        Cache?.Dispose();
    }
}
