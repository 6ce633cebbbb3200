using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>
/// Keys and values of the tokens that a causal model has read, so that each further token costs one forward pass of that
/// token alone. It belongs to one model and one batch without padding.
/// </summary>
internal sealed class KeyValueCache : IDisposable
{
    private readonly Dictionary<int, Part> _parts = [];

    /// <summary>Tokens that were read by the forward passes before.</summary>
    public int Length { get; private set; }

    /// <summary>What one block has seen.</summary>
    public Part Of(int layer) => _parts.TryGetValue(layer, out var part) ? part : _parts[layer] = new();

    /// <summary>Counts the tokens of a forward pass that is done.</summary>
    public void Advance(int tokens) => Length += tokens;

    public void Dispose()
    {
        foreach (var part in _parts.Values)
        {
            part.Dispose();
        }
    }

    /// <summary>Keys and values of one block.</summary>
    internal sealed class Part : IDisposable
    {
        private Tensor? _keys;
        private Tensor? _values;

        /// <summary>Tokens that are in it.</summary>
        public int Length => (int)(_keys?.shape[2] ?? 0);

        /// <summary>Adds tokens on the right and gives all.</summary>
        /// <param name="keys">[batch, structures, length, head size]; the same for <paramref name="values"/>.</param>
        public (Tensor Keys, Tensor Values) Append(Tensor keys, Tensor values)
        {
            _keys = Joined(_keys, keys);
            _values = Joined(_values, values);
            return (_keys, _values);
        }

        public void Dispose()
        {
            _keys?.Dispose();
            _values?.Dispose();
        }

        private static Tensor Joined(Tensor? past, Tensor next)
        {
            using (past)
            {
                return (past is null ? next.clone() : cat([past, next], 2)).DetachFromDisposeScope();
            }
        }
    }
}
