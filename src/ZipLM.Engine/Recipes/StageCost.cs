namespace ZipLM.Engine.Recipes;

/// <summary>A rough estimate of a stage.</summary>
/// <param name="Operations">Floating-point operations.</param>
/// <param name="Bytes">Bytes that stay on disk.</param>
internal readonly record struct StageCost(double Operations, double Bytes);
