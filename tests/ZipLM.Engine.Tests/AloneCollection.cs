using Xunit;

namespace ZipLM.Engine.Tests;

/// <summary>Tests that look at what the process has one of: the generator behind dropout, the count of live tensors, the thread count.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
