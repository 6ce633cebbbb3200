namespace ZipLM;

/// <summary>How a model was trained last: Start-ModelTraining, Start-TokenDistillation, or a recipe's distillation.</summary>
/// <param name="Data">The training data's name.</param>
/// <param name="Epochs">Passes over the data.</param>
/// <param name="BatchSize">Sequences a step.</param>
/// <param name="LearningRate">The largest learning rate.</param>
/// <param name="TaskWeight">How much the task's own loss counted.</param>
/// <param name="LogitWeight">How much the teacher's answers counted.</param>
/// <param name="TokenWeight">How much the teacher's hidden states counted.</param>
/// <param name="Teacher">The teacher's name; null where there was none.</param>
public sealed record TrainingRecord(
    string Data,
    double Epochs,
    int BatchSize,
    double LearningRate,
    double TaskWeight,
    double LogitWeight,
    double TokenWeight,
    string? Teacher = null);
