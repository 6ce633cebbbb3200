using ZipLM.Engine.Distillation;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>The sections <c>fine_tune</c> and <c>distillation</c>.</summary>
internal static class RecipeTraining
{
    /// <param name="usual">What holds for keys that are not there.</param>
    /// <param name="hasTeacher">Whether the losses against the teacher may be given.</param>
    public static TrainingOptions Read(YamlMap map, TrainingOptions usual, bool hasTeacher)
    {
        var options = usual with
        {
            Epochs = map.Or("epochs", map.PositiveNumber, usual.Epochs),
            BatchSize = map.Or("batch_size", k => map.Whole(k, 1), usual.BatchSize),
            LearningRate = map.Or("learning_rate", map.PositiveNumber, usual.LearningRate),
            WarmUp = map.Or("warm_up", map.Share, usual.WarmUp),
            WeightDecay = map.Or("weight_decay", map.Number, usual.WeightDecay),
            MaximumGradientNorm = map.Or("maximum_gradient_norm", map.PositiveNumber, usual.MaximumGradientNorm),
            MaximumLength = map.Or("maximum_length", k => map.Whole(k, 2), usual.MaximumLength),
            LogSteps = map.Or("log_steps", k => map.Whole(k, 1), usual.LogSteps),
            MicroBatchSize = map.Or<int?>("micro_batch_size", k => map.Whole(k, 1), usual.MicroBatchSize),
            Schedule = map.Or("schedule", map.Name<LearningRateSchedule>, usual.Schedule),
            LabelSmoothing = map.Or("label_smoothing", map.Share, usual.LabelSmoothing),
            LayerRateDecay = map.Or("layer_rate_decay", map.Share, usual.LayerRateDecay),
            KeepBest = map.Or("keep_best", map.Flag, usual.KeepBest),
            Patience = map.Or<int?>("patience", k => map.Whole(k, 1), usual.Patience),
            GradientCheckpointing = map.Or("gradient_checkpointing", map.Flag, usual.GradientCheckpointing),
            CheckpointInterval = map.Or("checkpoint_seconds", k => TimeSpan.FromSeconds(map.Number(k)), usual.CheckpointInterval),
        };
        if (hasTeacher)
        {
            options = options with
            {
                CacheLimit = map.Or("cache_limit", k => (long)map.Number(k), usual.CacheLimit),
                TokenDistance = map.Or("token_distance", map.Name<TokenDistance>, usual.TokenDistance),
                LayerMatching = map.Or("layer_matching", map.Name<LayerMatching>, usual.LayerMatching),
                Temperature = map.Or("temperature", map.PositiveNumber, usual.Temperature),
                Weights = map.Or("losses", k => Losses(map.Map(k)), usual.Weights),
            };
        }

        map.RefuseUnknown();
        return options;
    }

    private static LossWeights Losses(YamlMap map)
    {
        var weights = new LossWeights(map.Or("task", map.Number, 0), map.Or("logit", map.Number, 0), map.Or("token", map.Number, 0));
        map.RefuseUnknown();
        return weights is { Task: 0, Logit: 0, Token: 0 } ? throw map.Invalid("one of the losses task, logit and token must have a weight above 0.") : weights;
    }
}
