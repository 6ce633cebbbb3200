using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>A non-linearity by the name that Hugging Face configs give it.</summary>
internal sealed record Activation
{
    private readonly Func<Tensor, Tensor> _apply;

    private Activation(string name, Func<Tensor, Tensor> apply) => (Name, _apply) = (name, apply);

    public string Name { get; }

    public static Activation Gelu { get; } = FromName("gelu", "");

    public static Activation Relu { get; } = FromName("relu", "");

    public static Activation Tanh { get; } = FromName("tanh", "");

    public static Activation FromName(string name, string where) => name switch
    {
        "gelu" => new(name, x => nn.functional.gelu(x)),
        // The tanh approximation of GELU (Hendrycks & Gimpel, eq. 3), as GPT-2 uses it.
        "gelu_new" or "gelu_pytorch_tanh" => new(name, x => x.Times(0.5) * tanh(x.Plus(x.Times(0.044715) * x * x).Times(Math.Sqrt(2 / Math.PI))).Plus(1.0)),
        "relu" => new(name, x => nn.functional.relu(x)),
        "tanh" => new(name, x => x.tanh()),
        "silu" or "swish" => new(name, x => nn.functional.silu(x)),
        _ => throw new ZipLMException("ModelActivationUnknown", ErrorKind.InvalidData,
            $"{where} asks for the activation '{name}', which is not known.",
            "Supported: gelu, gelu_new, gelu_pytorch_tanh, relu, silu, swish, tanh.", where),
    };

    public Tensor Apply(Tensor x) => _apply(x);
}
