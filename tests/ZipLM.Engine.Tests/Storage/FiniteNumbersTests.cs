using TorchSharp;
using Xunit;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Tests.Storage;

/// <summary>A tensor is looked at while it is read; torch's own isfinite judges.</summary>
public sealed class FiniteNumbersTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(torch.ScalarType.Float64)]
    [InlineData(torch.ScalarType.Float32)]
    [InlineData(torch.ScalarType.Float16)]
    [InlineData(torch.ScalarType.BFloat16)]
    public void NanAndInfinityAreFoundWhereverTheyStand(torch.ScalarType type)
    {
        // Over several pieces of one megabyte, and a rest that fills no vector.
        const int Length = (5 << 17) + 3;
        foreach (double value in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, torch.finfo(type).max, -torch.finfo(type).max, torch.finfo(type).tiny, -0.0 })
        {
            foreach (int position in new[] { 0, 1, 77_777, Length - 4, Length - 1 })
            {
                using torch.Tensor tensor = torch.ones(Length, type);
                tensor[position] = torch.tensor(value).to(type);
                using torch.Tensor finite = tensor.isfinite().all();
                Assert.Equal(finite.item<bool>(), Read(tensor));
            }
        }
    }

    [Fact]
    public void IntegersAreFinite()
    {
        using torch.Tensor tensor = torch.full([100], -1, torch.int32);
        Assert.True(Read(tensor));
    }

    private bool Read(torch.Tensor tensor)
    {
        string path = _folder["file.safetensors"];
        SafeTensorsWriter.WriteFile(path, [("x", tensor)], SafeTensorsWriter.TorchMetadata, CancellationToken.None);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        (torch.Tensor read, bool isFinite) = file.ReadChecked("x", CancellationToken.None);
        using (read)
            Assert.Equal(tensor.bytes.ToArray(), read.bytes.ToArray());
        return isFinite;
    }
}
