using System.Text.Json.Nodes;

namespace ZipLM.Engine.Recipes;

/// <summary>A stage at work.</summary>
/// <param name="Folder">Where its outputs go.</param>
/// <param name="Run">What all stages share.</param>
/// <param name="Measurements">Times and dates, and what else differs from run to run; written when it is done.</param>
/// <param name="Delivered">Files that it makes outside of its folder.</param>
internal sealed record StageWork(StageFolder Folder, RunContext Run, JsonObject Measurements, List<string> Delivered, IReporter Reporter, CancellationToken Cancellation)
{
    /// <summary>The folder of a stage before this one.</summary>
    public StageFolder Of(Stage stage) => Run.FolderOf(stage);
}
