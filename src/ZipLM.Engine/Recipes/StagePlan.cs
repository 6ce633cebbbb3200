using System.Globalization;

namespace ZipLM.Engine.Recipes;

/// <summary>
/// The stages of a recipe in their order: measure the dense model, train it, judge it; then for each target in rising order prune what
/// the schedule says, let it learn from the dense model, judge it, write it.
/// </summary>
internal static class StagePlan
{
    public static IReadOnlyList<Stage> Of(Recipe recipe)
    {
        var stages = new List<Stage>();
        var given = new ModelInput($"{recipe.Name}-dense", null);
        // First of all, because it takes minutes and tells whether the targets can be reached.
        var latency = Add(new LatencyStage(given));
        var dense = recipe.FineTune is { } fineTune ? given with { Stage = Add(new FineTuneStage(given, fineTune)) } : given;
        Add(new EvaluateStage(null, dense, dense, latency));

        var gradual = recipe.Schedule == RecipeSchedule.Gradual;
        var from = dense;
        (StatisticsStage, OrderStage)? shared = gradual ? null : Order(null, dense);
        foreach (var target in recipe.Targets)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{recipe.Name}-{target:0.##########}x");
            var (statistics, order) = shared ?? Order(target, from);
            var prune = Add(new PruneStage(target, from, dense, statistics, order, latency));
            var member = new ModelInput(name, prune);
            if (recipe.Distillation is { } distillation)
            {
                member = member with { Stage = Add(new DistilStage(target, member, dense, distillation)) };
            }

            Add(new EvaluateStage(target, member, dense, latency));
            Add(new ExportStage(target, member, dense, prune));
            from = gradual ? member : dense;
        }

        return stages;

        (StatisticsStage, OrderStage) Order(double? target, ModelInput model)
        {
            var statistics = Add(new StatisticsStage(target, model));
            return (statistics, Add(new OrderStage(target, model, statistics)));
        }

        T Add<T>(T stage)
            where T : Stage
        {
            stages.Add(stage);
            stage.Number = stages.Count;
            return stage;
        }
    }
}
