using System.Diagnostics.CodeAnalysis;
using Xunit;

namespace ZipLM.PowerShell.Tests;

/// <summary>Tests that share one store and one session; one after the other, because torch's work in a process takes turns.</summary>
[CollectionDefinition(Name)]
[SuppressMessage("Naming", "CA1711", Justification = "xunit's word.")]
public sealed class TinyStoreCollection : ICollectionFixture<TinyStore>
{
    public const string Name = "tiny store";
}
