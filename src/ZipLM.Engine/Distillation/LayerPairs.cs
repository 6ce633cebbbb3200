using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>
/// Which block of the student comes near to which of the teacher. Where their widths differ, each pair has a matrix that
/// brings the student's output to the teacher's width; it is trained with the student and thrown away after.
/// </summary>
internal sealed class LayerPairs : IDisposable
{
    private readonly IReadOnlyList<(int Student, int Teacher)> _pairs;
    private readonly IReadOnlyList<Linear> _projections;

    /// <param name="pairs">Indices of blocks.</param>
    /// <param name="projectionSeed">Seed of the matrices, where there are any.</param>
    public LayerPairs(IReadOnlyList<(int Student, int Teacher)> pairs, int studentWidth, int teacherWidth, int projectionSeed, Device device, ScalarType type)
    {
        _pairs = pairs;
        using var generator = new Generator((ulong)projectionSeed);
        _projections = studentWidth == teacherWidth ? [] : [.. pairs.Select(p =>
        {
            using var scope = NewDisposeScope();
            // Lengths are kept on average.
            return new Linear($"projection.{p.Student}", WeightHolder.Own(Randomness.Normal([teacherWidth, studentWidth], generator, device).Over(Math.Sqrt(studentWidth)).to(type)), null);
        })];
    }

    /// <summary>The teacher's block of each pair.</summary>
    public IReadOnlyList<int> TeacherBlocks => [.. _pairs.Select(p => p.Teacher)];

    /// <summary>The matrices, which are trained like the student's.</summary>
    public IEnumerable<TrainedParameter> Parameters => _projections.Select(p => new TrainedParameter(p.Weight, 1, Decays: true));

    /// <summary>Each block of the student that has a sublayer left, and the teacher's at the same share of the depth.</summary>
    /// <remarks>A block that is dropped whole only hands on what the one before it gives, which cannot be like two of the teacher's.</remarks>
    public static IReadOnlyList<(int Student, int Teacher)> Even(IReadOnlyList<LayerShape> student, int teacherBlocks) =>
        [.. Left(student).Select(k => (k, Math.Max(0, (int)Math.Round((k + 1.0) * teacherBlocks / student.Count, MidpointRounding.AwayFromZero) - 1)))];

    /// <summary>The same blocks of the student, each with that of the teacher whose outputs are most similar.</summary>
    /// <param name="similarity">[student block, teacher block]</param>
    public static IReadOnlyList<(int Student, int Teacher)> MostSimilar(IReadOnlyList<LayerShape> student, double[,] similarity) =>
        [.. Left(student).Select(k => (k, Enumerable.Range(0, similarity.GetLength(1)).MaxBy(j => similarity[k, j])))];

    /// <summary>What of the student's outputs is compared with the teacher's, in its width.</summary>
    /// <param name="hidden">Output of every block.</param>
    public IReadOnlyList<Tensor> Student(IReadOnlyList<Tensor> hidden) =>
        [.. _pairs.Select((p, i) => StudentLoss.Precise(_projections.Count > 0 ? _projections[i].Apply(hidden[p.Student]) : hidden[p.Student]))];

    /// <summary>What of the teacher's outputs is compared with the student's.</summary>
    /// <param name="hidden">Output of every block.</param>
    public IReadOnlyList<Tensor> Teacher(IReadOnlyList<Tensor> hidden) => [.. _pairs.Select(p => hidden[p.Teacher])];

    /// <inheritdoc />
    public override string ToString() => string.Join(", ", _pairs.Select(p => $"{p.Student}–{p.Teacher}"));

    public void Dispose()
    {
        foreach (var projection in _projections)
        {
            projection.Dispose();
        }
    }

    private static IEnumerable<int> Left(IReadOnlyList<LayerShape> student) =>
        Enumerable.Range(0, student.Count).Where(k => student[k].Heads > 0 || student[k].Width > 0);
}
