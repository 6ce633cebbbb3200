using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace ZipLM.Engine.Runtime;

/// <summary>The memory of a tensor on the host.</summary>
internal static class HostTensor
{
    /// <summary>Where the first number of a tensor with numbers lies; valid while the tensor lives. <see cref="Tensor.bytes"/> refuses more than 2 GB.</summary>
    public static unsafe nint Address(Tensor tensor)
    {
        using var flat = tensor.view(-1);
        using var first = flat.narrow(0, 0, 1);
        return (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
