using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Evaluation;

/// <summary>
/// What a model answers in the runtime that it is measured in, and how large it is there: 8-bit weights answer differently
/// from the weights that they were made of.
/// </summary>
internal sealed class RuntimeAnswers : IDisposable
{
    private readonly Transformer _model;
    private readonly OnnxProgram? _program;

    /// <summary>Makes the model ready; runs on the session's worker thread.</summary>
    /// <param name="model">Lives as long as this.</param>
    /// <param name="environment">Says runtime, precision and threads.</param>
    public RuntimeAnswers(Transformer model, InferenceEnvironment environment)
    {
        _model = model;
        if (environment.Runtime == InferenceRuntime.Torch)
        {
            Bytes = model.Bytes;
            return;
        }

        // As it is timed and exported. The head of a masked language model comes on top, since its answers are what is judged,
        // and no text is written: keys and values are not asked for.
        Bytes = OnnxModel.Whole(model, environment.Precision).Constants.Sum(c => c.Bytes);
        _program = new(OnnxModel.Whole(model, environment.Precision, head: true, cached: false), environment.Threads);
    }

    /// <summary>Size of the weights.</summary>
    public long Bytes { get; }

    /// <summary>The head's answers, as <see cref="ModelOutput.Logits"/>; the tensor belongs to the caller's dispose scope.</summary>
    public Tensor Of(Batch batch)
    {
        if (_program is null)
        {
            return _model.Forward(batch, new() { Head = true }).Logits!;
        }

        var (values, shape) = _program.Answer(batch);
        return tensor(values, shape);
    }

    public void Dispose() => _program?.Dispose();
}
