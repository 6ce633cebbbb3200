namespace ZipLM.Engine.Recipes;

/// <summary>What the model of each target is pruned from.</summary>
internal enum RecipeSchedule
{
    /// <summary>From the member before it.</summary>
    Gradual,

    /// <summary>From the dense model.</summary>
    OneShot,
}
