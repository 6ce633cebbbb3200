using TorchSharp;
using static TorchSharp.torch;

namespace ZipLM.Engine.Runtime;

/// <summary>
/// Random numbers that depend on a seed alone. TorchSharp's <c>manual_seed</c> reaches the CPU's generator only, and every
/// <see cref="Generator"/> that it makes is one of the CPU: what is drawn with one is drawn there and then moved.
/// </summary>
internal static class Randomness
{
    /// <summary>Seeds torch's own generator of the device, the one behind dropout.</summary>
    public static void Seed(long seed, Device device)
    {
        manual_seed(seed);
        if (device.type == DeviceType.CUDA)
        {
            cuda.manual_seed_all(seed);
        }
    }

    /// <summary>From the unit normal distribution, float32.</summary>
    public static Tensor Normal(long[] shape, Generator generator, Device device) => randn(shape, float32, generator: generator).to(device);

    /// <summary>One choice a row, int64 [rows].</summary>
    /// <param name="probabilities">[rows, choices]</param>
    public static Tensor Choice(Tensor probabilities, Generator generator) =>
        multinomial(probabilities.cpu(), 1, true, generator).squeeze(1).to(probabilities.device);
}
