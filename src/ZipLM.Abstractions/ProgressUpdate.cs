namespace ZipLM;

/// <summary>How far an operation is.</summary>
/// <param name="Activity">What is being done: "Training bert".</param>
/// <param name="Status">Where it is: "step 40 of 200".</param>
/// <param name="Done">Units done.</param>
/// <param name="Total">Units in all; 0 when unknown.</param>
/// <param name="Completed">True once the activity has ended.</param>
public sealed record ProgressUpdate(string Activity, string Status, double Done, double Total, bool Completed = false);
