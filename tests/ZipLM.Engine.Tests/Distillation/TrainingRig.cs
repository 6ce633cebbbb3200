using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Distillation;

/// <summary>What tests of training share.</summary>
internal static class TrainingRig
{
    /// <summary>A teacher that is asked in each step, its blocks matched evenly; the tests' models are of one width unless said.</summary>
    public static Teaching Teach(Transformer student, Transformer teacher, TrainingOptions options, int width = TinyBert.Hidden, int teacherWidth = TinyBert.Hidden)
    {
        var pairs = options.Weights.Token > 0
            ? new LayerPairs(LayerPairs.Even(student.Shapes, teacher.Blocks.Count), width, teacherWidth, 1, CPU, student.Embeddings.Words.Weight.dtype)
            : null;
        return new(new Teacher(teacher, options.Weights, options.Temperature, pairs), pairs, null);
    }

    /// <summary>The losses of a batch, with dropout where the model has some.</summary>
    public static LossTerms Losses(TrainingOptions options, Transformer student, Transformer teacher, Batch batch)
    {
        var teaching = Teach(student, teacher, options);
        var loss = new StudentLoss(options, teaching.Pairs);
        return loss.Of(student.Forward(batch, new() { Training = true, KeepHidden = true }), teaching.Teacher.Ask(batch), batch, PartShare.Whole);
    }

    public static double[] Weights(Transformer model) => [.. model.Parameters.SelectMany(p => TinyBert.Values(p.Parameter))];

    public static ModelDescription NoDropout(IReadOnlyList<(int, int)> shapes) => TinyBert.Describe(shapes, c =>
    {
        c["hidden_dropout_prob"] = 0;
        c["attention_probs_dropout_prob"] = 0;
    });
}
