using System.Globalization;
using System.Text;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Export;

/// <summary><c>README.md</c> of a model's directory: how it was made, what was measured, how it loads. Names, and no paths of the machine.</summary>
internal static class ModelCard
{
    public const string FileName = "README.md";

    /// <param name="title">What the directory is called.</param>
    /// <param name="model">The model.</param>
    /// <param name="record">Where it comes from and what was measured.</param>
    /// <param name="description">What is written of it: the model as it is, or its dense twin.</param>
    /// <param name="isOnnx">Whether the weights are in an ONNX file.</param>
    public static string Text(string title, Model model, ModelRecord record, ModelDescription description, bool isOnnx = false)
    {
        var card = new StringBuilder();
        var isTwin = !description.Layers.SequenceEqual(model.Layers);
        FrontMatter(card, record, description, isOnnx);
        Add(card, $"# {title}\n");
        Add(card, $"{description.Architecture} with {Parameters(description):N0} parameters{(model.Labels.Count > 0 ? $", labels: {string.Join(", ", model.Labels)}" : "")}.");
        if (record.Pruning is { } pruning)
        {
            Add(card, $"Pruned by ZipLM: whole attention heads and feed-forward columns are gone{(pruning.Repair ? ", and those that are left took over their work" : "")}.");
            if (isTwin)
            {
                Plain(card, "This is the zero-padded twin of the pruned model: matrices of full size with zeros where structures are gone. It answers the same, loads wherever the dense model does, and is as slow as that.");
            }

            Measured(card, record, pruning, isTwin);
            Plan(card, model, description);
        }

        Reached(card, record);
        Origin(card, record);
        Load(card, description, isOnnx);
        return card.ToString();
    }

    private static void FrontMatter(StringBuilder card, ModelRecord record, ModelDescription description, bool isOnnx)
    {
        Plain(card, "---");
        Add(card, $"library_name: {(isOnnx ? "onnx" : "transformers")}");
        Add(card, $"pipeline_tag: {Pipeline(Task(description, isOnnx))}");
        if (HubId(record.BaseModel) is { } id)
        {
            Add(card, $"base_model: {id}");
        }

        Plain(card, "tags:");
        Plain(card, "- ziplm");
        if (record.Pruning is not null)
        {
            Plain(card, "- structured-pruning");
        }

        Plain(card, "---\n");
    }

    private static void Measured(StringBuilder card, ModelRecord record, PruningResult pruning, bool isTwin)
    {
        Add(card, $"\n## Speed{(isTwin ? " of the pruned model" : "")}\n");
        Plain(card, "| speedup | |\n|---|---|");
        Add(card, $"| target | {pruning.TargetSpeedup:0.00}× |");
        Add(card, $"| predicted by the latency table | {pruning.PredictedSpeedup:0.00}× |");
        Add(card, $"| measured against the dense model, in turns | {pruning.Measured.Ratio:0.00}×, 95 % interval {pruning.Measured.Low:0.00}–{pruning.Measured.High:0.00}× ({pruning.Measured.Rounds} rounds) |");
        Add(card, $"| time of a forward pass | {pruning.Measured.Milliseconds:0.###} ms, dense {pruning.Measured.BaselineMilliseconds:0.###} ms |");
        Add(card, $"\nTrue for: {pruning.Environment}. Another machine, runtime or length has another speedup.");
        if (pruning is { Loss: { } loss, DenseLoss: { } dense, LossMeasure: { } measure })
        {
            Add(card, $"\nLoss ({measure}) on calibration rows that the pruning did not use: {loss:0.####}, dense {dense:0.####}; {(record.Training is null ? "there was no training after the pruning" : "before the training below")}.");
        }
    }

    private static void Reached(StringBuilder card, ModelRecord record)
    {
        if (record.Quality is not { } quality)
        {
            return;
        }

        Add(card, $"\n## Quality\n\nOn {quality.Samples:N0} rows of {quality.Data}:\n\n| metric | |\n|---|---|");
        foreach (var (name, value) in quality.Metrics)
        {
            Add(card, $"| {name} | {value:0.####}{(name == quality.Metric && quality.Change is { } change ? FormattableString.Invariant($" ({change:+0.####;−0.####;±0} against the baseline)") : "")} |");
        }
    }

    private static void Trained(StringBuilder card, ModelRecord record)
    {
        if (record.Training is not { } training)
        {
            return;
        }

        Add(card, $"- training{(record.Pruning is null ? "" : " after the pruning")}: {training.Epochs:0.##} epoch(s) of {training.Data}, batches of {training.BatchSize}, learning rate up to {training.LearningRate:0.######}");
        if (training.Teacher is { } teacher)
        {
            Add(card, $"- teacher: {teacher}; weights of the losses: task {training.TaskWeight:0.####}, its answers {training.LogitWeight:0.####}, its hidden states {training.TokenWeight:0.####}");
        }
    }

    private static void Plan(StringBuilder card, Model model, ModelDescription description)
    {
        var structure = description.GroupSize > 1 ? $"groups of {description.GroupSize} heads" : "heads";
        Add(card, $"\n## What is left\n\n| layer | {structure} of {model.DenseHeads} | feed-forward width of {model.DenseWidth} |\n|---|---|---|");
        foreach (var layer in model.Layers)
        {
            Add(card, $"| {layer.Layer} | {Level(layer.Heads)} | {Level(layer.Width)} |");
        }

        static string Level(int level) => level == 0 ? "dropped" : level.ToString(CultureInfo.InvariantCulture);
    }

    private static void Origin(StringBuilder card, ModelRecord record)
    {
        Plain(card, "\n## How it was made\n");
        if (record.BaseModel is { } dense)
        {
            Add(card, $"- base model: {HubId(dense) ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(dense))}{(record.BaseHash is { } hash ? $" (SHA-256 of its weights {hash})" : "")}");
        }

        foreach (var (use, data) in new[] { ("training", record.TrainingData), ("validation", record.ValidationData) })
        {
            if (data is not null)
            {
                Add(card, $"- {use} data: {Path.GetFileName(data.Path)}");
            }
        }

        if (record.Pruning is { } pruning)
        {
            Add(card, $"- calibration data: {pruning.CalibrationData}, {pruning.CalibrationSamples} samples, seed {pruning.Seed}");
            Add(card, $"- criterion: {pruning.Criterion}{(pruning.Repair ? " with repair by least squares" : " without repair")}, damping {pruning.Damping:0.######}{(pruning.LargestDamping > pruning.Damping ? $" (raised to {pruning.LargestDamping:0.######})" : "")}");
            Add(card, $"- latency table: {pruning.TableFingerprint}");
        }

        Trained(card, record);
        Add(card, $"- ZipLM {typeof(ModelCard).Assembly.GetName().Version?.ToString(3)}");
    }

    private static void Load(StringBuilder card, ModelDescription description, bool isOnnx)
    {
        Plain(card, "\n## How to load it");
        if (isOnnx)
        {
            Plain(card, OnnxRuntime("DIRECTORY/model.onnx", description.Task));
            Add(card, $"\n{OnnxAnswer(Task(description, isOnnx))}. Opset {OnnxGraph.Opset} with operators of ONNX Runtime (com.microsoft); batch and sequence may have any length.");
            return;
        }

        var trust = ModelingFile.IsNeeded(description);
        Add(card, $"""

            In transformers{(trust ? $", whose own classes have layers of one size only: {ModelingFile.Name} has what is needed, and `trust_remote_code` lets it run" : "")}:

            ```python
            from transformers import {ModelingFile.AutoClass(description.Task) ?? "AutoModel"}, AutoTokenizer
            tokenizer = AutoTokenizer.from_pretrained("DIRECTORY")
            model = {ModelingFile.AutoClass(description.Task) ?? "AutoModel"}.from_pretrained("DIRECTORY"{(trust ? ", trust_remote_code=True" : "")})
            ```

            In PowerShell with ZipLM, and from there for ONNX Runtime:

            ```powershell
            Get-Model DIRECTORY | Measure-Model
            Get-Model DIRECTORY | Export-Model ./model.onnx -Format Onnx
            ```
            """);
        Plain(card, OnnxRuntime("model.onnx", description.Task));
    }

    /// <summary>What the files answer: a masked-LM head is no task, and so not in an ONNX file.</summary>
    private static ModelTask Task(ModelDescription description, bool isOnnx) =>
        isOnnx && description.Task == ModelTask.MaskedLanguageModeling ? ModelTask.FeatureExtraction : description.Task;

    private static string OnnxAnswer(ModelTask task) => task switch
    {
        ModelTask.FeatureExtraction => $"`answer` is `{OnnxModel.LastHidden}`: the file holds no head, as none was timed",
        ModelTask.CausalLanguageModeling => "What was read goes in as `past_key_values.*`, with no tokens at first, and comes out as `present.*`; a layer without attention has none, and another as many heads as are left",
        _ => $"`answer` is `{OnnxModel.Logits}`",
    };

    private static string OnnxRuntime(string file, ModelTask task) =>
        (task == ModelTask.CausalLanguageModeling ? OnnxTexts(file) : OnnxOnce(file)).ReplaceLineEndings("\n");

    private static string OnnxOnce(string file) => $$"""

        ```python
        from onnxruntime import InferenceSession
        from transformers import AutoTokenizer
        tokenizer = AutoTokenizer.from_pretrained("DIRECTORY")
        session = InferenceSession("{{file}}")
        inputs = tokenizer("A text.", return_tensors="np")
        answer = session.run(None, {i.name: inputs[i.name] for i in session.get_inputs()})
        ```
        """;

    /// <summary>Uneven layers have pasts of their own sizes, so what counts is what the file says.</summary>
    private static string OnnxTexts(string file) => $$"""

        ```python
        import numpy as np
        from onnxruntime import InferenceSession
        from transformers import AutoTokenizer
        tokenizer = AutoTokenizer.from_pretrained("DIRECTORY")
        session = InferenceSession("{{file}}")
        text = read = tokenizer("A text", return_tensors="np")["input_ids"]
        past = {i.name: np.zeros((1, i.shape[1], 0, i.shape[3]), np.float32)
                for i in session.get_inputs() if i.name.startswith("past_key_values.")}
        for _ in range(20):
            logits, *present = session.run(None, {"input_ids": read, "attention_mask": np.ones_like(text), **past})
            past, read = dict(zip(past, present)), logits[:, -1:].argmax(-1)
            text = np.concatenate([text, read], 1)
        print(tokenizer.decode(text[0]))
        ```
        """;

    private static string Pipeline(ModelTask task) => task switch
    {
        ModelTask.SequenceClassification or ModelTask.Regression => "text-classification",
        ModelTask.QuestionAnswering => "question-answering",
        ModelTask.CausalLanguageModeling => "text-generation",
        ModelTask.MaskedLanguageModeling => "fill-mask",
        _ => "feature-extraction",
    };

    /// <summary>The id on the hub of a directory in its cache, …/models--org--name/snapshots/COMMIT; null elsewhere.</summary>
    private static string? HubId(string? directory) =>
        directory?.Split('/', '\\') is [.., var folder, "snapshots", _] && folder.StartsWith("models--", StringComparison.Ordinal)
            ? folder["models--".Length..].Replace("--", "/", StringComparison.Ordinal)
            : null;

    private static long Parameters(ModelDescription model) => model.Family.Tensors(model).Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b));

    private static void Add(StringBuilder card, FormattableString line) => card.Append(FormattableString.Invariant(line).ReplaceLineEndings("\n")).Append('\n');

    private static void Plain(StringBuilder card, string line) => card.Append(line).Append('\n');
}
