using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>Sees the input X of an output matrix: the structures' activations, [batch, length, columns].</summary>
internal delegate void InputObserver(int layer, Sublayer sublayer, Tensor input);
