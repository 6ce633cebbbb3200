using NetArchTest.Rules;
using Xunit;
using ZipLM.Engine.Models;

namespace ZipLM.Engine.Tests;

/// <summary>The engine's rooms in their order: each imports only those above it.</summary>
public sealed class ArchitectureTests
{
    private static readonly string[] Rooms =
        ["Runtime", "Storage", "Data", "Models", "Export", "Evaluation", "Latency", "Pruning", "Search", "Distillation", "Compression", "Recipes", "Reporting"];

    public static TheoryData<string> RoomNames { get; } = [.. Rooms];

    [Theory]
    [MemberData(nameof(RoomNames))]
    public void A_room_imports_only_those_above_it(string room)
    {
        string[] below = [.. Rooms.Skip(Array.IndexOf(Rooms, room) + 1).Select(Namespace)];
        if (below.Length == 0)
        {
            return;
        }

        var result = Types(room).ShouldNot().HaveDependencyOnAny(below).GetResult();
        Assert.True(result.IsSuccessful, $"{room} must not import from the rooms below it, but does in: {string.Join(", ", result.FailingTypeNames ?? [])}");
    }

    [Fact]
    public void Every_type_is_in_a_room()
    {
        var homeless = typeof(Transformer).Assembly.GetTypes()
            .Where(t => t.Namespace?.StartsWith("ZipLM", StringComparison.Ordinal) == true && !Rooms.Any(r => t.Namespace == Namespace(r)));
        Assert.Empty(homeless);
    }

    [Fact]
    public void The_search_is_pure_arithmetic() =>
        Assert.True(Types("Search").ShouldNot().HaveDependencyOnAny("TorchSharp", "System.IO").GetResult().IsSuccessful);

    [Fact]
    public void Only_the_compression_flows_and_what_is_below_know_how_to_prune_and_train_at_once() =>
        Assert.True(Types("Distillation").ShouldNot().HaveDependencyOn(Namespace("Pruning")).GetResult().IsSuccessful);

    /// <summary>The check sees a dependency where there is one: it can fail.</summary>
    [Fact]
    public void The_check_sees_dependencies_in_the_bodies_of_methods()
    {
        Assert.False(Types("Pruning").ShouldNot().HaveDependencyOnAny(Namespace("Models")).GetResult().IsSuccessful);
        Assert.False(Types("Compression").ShouldNot().HaveDependencyOnAny(Namespace("Search")).GetResult().IsSuccessful);
    }

    private static string Namespace(string room) => $"ZipLM.Engine.{room}";

    private static PredicateList Types(string room) => NetArchTest.Rules.Types.InAssembly(typeof(Transformer).Assembly).That().ResideInNamespace(Namespace(room));
}
