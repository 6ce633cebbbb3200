using ZipLM.Engine.Data;
using ZipLM.Engine.Distillation;
using ZipLM.Engine.Evaluation;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Compression;

/// <summary>Start-ModelTraining and Start-TokenDistillation: a trained copy of a model.</summary>
public static class TrainingFlow
{
    /// <summary>Trains a copy of a model; the result is a model of its own, not saved.</summary>
    /// <param name="student">The model to start from; it stays as it is.</param>
    /// <param name="teacher">The model to learn from; null = the base that the student's directory names. Needed only when the logit or token loss has a weight.</param>
    /// <param name="data">Training data; null = what the student's directory records.</param>
    /// <param name="validation">Labelled data to validate on after each epoch, or null.</param>
    public static Model Run(
        Model student, Model? teacher, TextDataset? data, TextDataset? validation, TrainingOptions options,
        IReporter reporter, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var own = TransformerModel.Of(student);
        SameSession.Require(own, teacher, "-Teacher");
        return own.Session.Run(() => Train(own, teacher, data, validation, options, reporter, cancellationToken), reporter, cancellationToken);
    }

    private static TransformerModel Train(
        TransformerModel student, Model? teacher, TextDataset? data, TextDataset? validation, TrainingOptions options,
        IReporter reporter, CancellationToken cancellationToken)
    {
        RequireHead(student);
        var weights = options.Weights;
        if (new[] { weights.Task, weights.Logit, weights.Token }.Any(w => !(w >= 0 && double.IsFinite(w))) || weights is { Task: 0, Logit: 0, Token: 0 })
        {
            throw new ZipLMException("LossWeightsInvalid", ErrorKind.InvalidArgument,
                FormattableString.Invariant($"The loss weights are task {weights.Task}, logit {weights.Logit}, token {weights.Token}."), "Give weights of at least 0, one of them above 0.", weights);
        }

        weights = TeachingSetup.Comparable(weights, student, reporter);
        options = options with { Weights = weights };
        if (validation is null && (options.KeepBest || options.Patience is not null))
        {
            throw new ZipLMException("ValidationDataMissing", ErrorKind.InvalidArgument,
                $"There is no validation data to tell the best weights of '{student.Name}' by.", "Give some with -ValidationData, or leave out -KeepBest and -Patience.", student);
        }

        var training = LabelAlignment.Align(data ?? RecordedTrainingData(student), student.Task, student.Labels, reporter);
        if (weights.Task > 0)
        {
            RequireLabels(training, student.Task, "the task loss", "Give labelled data, or train on the teacher alone with -TaskWeight 0.");
        }

        if (validation is not null)
        {
            RequireLabels(validation, student.Task, "validation", "Give labelled data, or none for validation.");
        }

        if (options.LabelSmoothing > 0 && student.Task is ModelTask.Regression or ModelTask.QuestionAnswering)
        {
            throw new ZipLMException("LabelSmoothingUnsupported", ErrorKind.InvalidArgument,
                $"Label smoothing is for labels and words; the answers of '{student.Name}' are {(student.Task == ModelTask.Regression ? "numbers" : "places in a text")}.", "Leave out -LabelSmoothing.", student);
        }

        using var recordedTeacher = weights.NeedsTeacher && teacher is null ? RecordedTeacher(student, cancellationToken) : null;
        var ownTeacher = weights.NeedsTeacher ? recordedTeacher ?? TransformerModel.Of(teacher!) : null;
        if (ownTeacher is not null)
        {
            RequireFit(ownTeacher, student);
        }

        var own = Math.Min(options.MaximumLength, student.MaximumSequenceLength);
        var length = Math.Min(own, ownTeacher?.MaximumSequenceLength ?? own);
        if (length < own)
        {
            reporter.Warning($"Sequences are cut to {length} tokens: the teacher '{ownTeacher!.Name}' reads no more.");
        }

        var encoded = student.Encode(training, length, cancellationToken);
        if (ownTeacher?.Description.ReadsPairs == false && training.Examples.Any(e => e.TextPair is not null))
        {
            throw new ZipLMException("TeacherMismatch", ErrorKind.InvalidArgument,
                $"'{ownTeacher.Name}' cannot teach '{student.Name}' on '{training.Name}': it was made for single texts, and the data has pairs.", "Use another teacher, or data of single texts.", ownTeacher);
        }

        var evaluation = validation is null ? null : EvaluationSet.Create(student, validation, own, null, cancellationToken, reporter);

        if (options.CheckpointPath is not null && student.Path is null)
        {
            reporter.Warning($"'{student.Name}' is in memory only. Once this process has ended, only a model of the very same weights goes on from the checkpoint: save it first (Export-Model), and train what Get-Model reads.");
        }

        var seed = options.Seed ?? student.Session.Seed;
        var result = student.Weights(reporter, cancellationToken).Copy();
        try
        {
            reporter.Verbose($"Training {student.Name} on {training.Name}: {encoded.Examples.Count} rows{(ownTeacher is null ? "" : $", teacher {ownTeacher.Name}")}.");
            var hashes = new TrainingHashes(student, ownTeacher, encoded, evaluation?.Encoded, reporter, cancellationToken);
            using var checkpoint = options.CheckpointPath is { } path ? new TrainingCheckpoint(path, hashes.Identity(options, seed)) : null;
            using var teaching = ownTeacher is null ? null : TeachingSetup.Prepare(result, student, ownTeacher, encoded, options, seed, checkpoint?.Stored, hashes, reporter, cancellationToken);
            new Trainer(options, seed, reporter) { Checkpoint = checkpoint }.Train(
                result, teaching,
                encoded,
                evaluation,
                cancellationToken);
            if (teaching?.Cache is { } cache && options.TeacherPath is null)
            {
                // The run is through: nobody will ask again.
                cache.IsDeletedOnDispose = true;
            }

            var record = student.Record with
            {
                TrainingData = training.Reference ?? student.Record.TrainingData,
                ValidationData = validation?.Reference ?? student.Record.ValidationData,
                Training = options.Record(training.Name, ownTeacher?.Name),
                Quality = null,
            };
            return TransformerModel.FromWeights(student.Session, $"{student.Name}-{(ownTeacher is null ? "trained" : "distilled")}", student.Description, record, result, student.Tokenizer);
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    private static void RequireHead(TransformerModel model)
    {
        if (model.Task == ModelTask.FeatureExtraction)
        {
            throw new ZipLMException("ModelHeadMissing", ErrorKind.InvalidOperation,
                $"'{model.Name}' is a {model.Architecture}, which has no head to train.", "Use a checkpoint for a task, or New-Model -Task.", model);
        }
    }

    private static void RequireLabels(TextDataset data, ModelTask task, string use, string remedy)
    {
        if (!LabelAlignment.HasTargets(data, task))
        {
            throw new ZipLMException("DatasetUnlabelled", ErrorKind.InvalidData,
                $"The data set '{data.Name}' has rows without a label, which {use} needs.", remedy, data);
        }
    }

    private static TextDataset RecordedTrainingData(TransformerModel model) => model.Record.TrainingData is { } recorded
        ? RecordedData.Read(model, recorded, "-TrainingData")
        : throw new ZipLMException("TrainingDataMissing", ErrorKind.NotFound,
            $"There is no training data for '{model.Name}': its directory records none.", "Give some with -TrainingData (Import-TextDataset data.tsv).", model);

    /// <summary>The model that the student was pruned from; the caller disposes it.</summary>
    private static TransformerModel RecordedTeacher(TransformerModel student, CancellationToken cancellationToken)
    {
        if (student.Record.BaseModel is not { } directory)
        {
            throw new ZipLMException("TeacherMissing", ErrorKind.NotFound,
                $"'{student.Name}' does not record the model that it was pruned from.", "Give the dense model with -Teacher.", student);
        }

        return Directory.Exists(directory)
            ? RecordedBase.Open(student, "-Teacher", cancellationToken)
            : throw new ZipLMException("TeacherMissing", ErrorKind.NotFound,
                $"'{student.Name}' was pruned from the model in '{directory}', which is no longer there.", "Give the dense model with -Teacher.", student);
    }

    private static void RequireFit(TransformerModel teacher, TransformerModel student)
    {
        var difference = teacher.Task != student.Task ? $"one answers {teacher.Task}, the other {student.Task}"
            : !teacher.Labels.SequenceEqual(student.Labels) ? "their labels differ"
            : teacher.VocabularySize != student.VocabularySize || !SameTokenizer(teacher, student) ? "their tokenizers differ"
            : null;
        if (difference is not null)
        {
            throw new ZipLMException("TeacherMismatch", ErrorKind.InvalidArgument,
                $"'{teacher.Name}' cannot teach '{student.Name}': {difference}.", "Use the model that the student was pruned from, or one of the same tokenizer and labels.", teacher);
        }
    }

    private static bool SameTokenizer(TransformerModel teacher, TransformerModel student) =>
        ReferenceEquals(teacher.Tokenizer, student.Tokenizer) || teacher.Tokenizer.Vocabulary.SequenceEqual(student.Tokenizer.Vocabulary);
}
