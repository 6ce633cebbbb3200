using ZipLM.Engine.Runtime;
using ZipLM.Engine.Tests;

[assembly: Xunit.AssemblyFixture(typeof(TorchFixture))]

namespace ZipLM.Engine.Tests;

/// <summary>Made once, before the first test: the one place where torch's native libraries are loaded.</summary>
public sealed class TorchFixture
{
    public TorchFixture() => NativeLibraries.EnsureLoaded();
}
