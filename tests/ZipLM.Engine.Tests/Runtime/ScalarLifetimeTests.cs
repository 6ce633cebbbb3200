using Mono.Cecil;
using TorchSharp;
using Xunit;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Tests.Runtime;

/// <summary>
/// TorchSharp frees a number that it made for an operator while libtorch may still read it (see
/// <see cref="TensorArithmetic"/>): the engine calls nothing in TorchSharp that makes one on its own.
/// </summary>
public sealed class ScalarLifetimeTests
{
    private static readonly Dictionary<string, HashSet<string>> TorchSharpCalls = Methods(typeof(torch).Assembly.Location)
        .GroupBy(m => m.FullName).ToDictionary(g => g.Key, g => g.SelectMany(Calls).ToHashSet());

    [Fact]
    public void The_engine_hands_over_no_number_that_nobody_holds()
    {
        var makers = MakersOfNumbers();
        var slips = Methods(typeof(TensorArithmetic).Assembly.Location)
            .Where(m => m.DeclaringType.Name != nameof(TensorArithmetic))
            .SelectMany(m => Calls(m).Where(makers.Contains).Select(call => $"{m.DeclaringType.Name}.{m.Name} calls {call}"));
        Assert.Empty(slips);
    }

    /// <summary>The search for such calls finds those that are known: it can fail.</summary>
    [Fact]
    public void Operators_with_numbers_make_them()
    {
        var makers = MakersOfNumbers();
        Assert.Contains("TorchSharp.torch/Tensor TorchSharp.torch/Tensor::op_Addition(TorchSharp.torch/Tensor,TorchSharp.torch/Tensor)", makers);
        Assert.Contains("TorchSharp.torch/Tensor TorchSharp.torch/Tensor::square()", makers);
        Assert.DoesNotContain("TorchSharp.torch/Tensor TorchSharp.torch/Tensor::op_Multiply(TorchSharp.torch/Tensor,TorchSharp.torch/Tensor)", makers);
    }

    /// <summary>Conversions to Scalar, and every method of TorchSharp from which one is reached.</summary>
    private static HashSet<string> MakersOfNumbers()
    {
        var makers = TorchSharpCalls.Keys.Concat(TorchSharpCalls.Values.SelectMany(c => c)).Where(IsConversion).ToHashSet();
        while (TorchSharpCalls.Where(m => !makers.Contains(m.Key) && m.Value.Overlaps(makers)).Select(m => m.Key).ToList() is { Count: > 0 } found)
        {
            makers.UnionWith(found);
        }

        return makers;
    }

    private static bool IsConversion(string method) =>
        method.StartsWith("TorchSharp.Scalar TorchSharp.Scalar::op_Implicit(", StringComparison.Ordinal)
        || method.StartsWith("TorchSharp.Scalar TorchSharp.ScalarExtensionMethods::", StringComparison.Ordinal);

    private static IEnumerable<MethodDefinition> Methods(string assembly) =>
        AssemblyDefinition.ReadAssembly(assembly).MainModule.Types.SelectMany(WithNested).SelectMany(t => t.Methods).Where(m => m.HasBody);

    private static IEnumerable<TypeDefinition> WithNested(TypeDefinition type) => type.NestedTypes.SelectMany(WithNested).Prepend(type);

    private static IEnumerable<string> Calls(MethodDefinition method) =>
        method.Body.Instructions.Select(i => i.Operand).OfType<MethodReference>().Select(r => r.FullName);
}
