using Xunit;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Tests.Storage;

namespace ZipLM.Engine.Tests.Runtime;

public sealed class HostMemoryTests : IDisposable
{
    private const long MiB = 1 << 20;
    private readonly TempFolder _folder = new();

    public HostMemoryTests() => _folder.Write("proc/meminfo", "MemTotal:        8192 kB\nMemFree:  1 kB\nMemAvailable:    6144 kB\n");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Without_a_container_it_is_what_the_machine_has()
    {
        Assert.Equal((6 * MiB, 8 * MiB), Read());
        Container("max", 5 * MiB, 0);
        Assert.Equal((6 * MiB, 8 * MiB), Read());
        Container($"{1L << 62}", 5 * MiB, 0);
        Assert.Equal((6 * MiB, 8 * MiB), Read());
    }

    /// <summary>Limit 4, of which 3 are used, of these 1 by files that the kernel would drop: 2 are free.</summary>
    [Theory]
    [InlineData(3, 1, 2)]
    [InlineData(4, 0, 0)]
    [InlineData(5, 0, 0)]
    public void In_a_container_it_is_what_its_limit_leaves(int used, int caches, int free)
    {
        Container($"{4 * MiB}\n", used * MiB, caches * MiB);
        Assert.Equal((free * MiB, 4 * MiB), Read());
    }

    [Fact]
    public void A_machine_that_has_less_than_the_limit_leaves_counts()
    {
        _folder.Write("proc/meminfo", "MemTotal: 8192 kB\nMemAvailable: 1024 kB\n");
        Container($"{4 * MiB}", MiB, 0);
        Assert.Equal((MiB, 4 * MiB), Read());
    }

    [Fact]
    public void Control_groups_of_version_1_are_read_too()
    {
        _folder.Write("cgroup/memory/memory.limit_in_bytes", $"{4 * MiB}");
        _folder.Write("cgroup/memory/memory.usage_in_bytes", $"{3 * MiB}");
        _folder.Write("cgroup/memory/memory.stat", $"inactive_file 7\ntotal_inactive_file {MiB}\n");
        Assert.Equal((2 * MiB, 4 * MiB), Read());
    }

    [Fact]
    public void A_system_that_says_nothing_is_unknown() => Assert.Null(HostMemory.Read(_folder["none"], _folder["cgroup"]));

    private (long, long)? Read() => HostMemory.Read(_folder["proc"], _folder["cgroup"]);

    private void Container(string limit, long used, long caches)
    {
        _folder.Write("cgroup/memory.max", limit);
        _folder.Write("cgroup/memory.current", $"{used}\n");
        _folder.Write("cgroup/memory.stat", $"anon 5\ninactive_file {caches}\n");
    }
}
