using System.Runtime.InteropServices;

namespace ZipLM.Benchmarks;

/// <summary>The heap of glibc, in which torch keeps its tensors on the CPU.</summary>
internal static partial class NativeHeap
{
    /// <summary>Bytes that are allocated: of all arenas, and in maps of their own.</summary>
    public static long AllocatedBytes()
    {
        var information = Information();
        return (long)(information.InArenas + information.InMaps);
    }

    [LibraryImport("libc", EntryPoint = "mallinfo2")]
    private static partial MallocInformation Information();

    /// <summary>As <c>struct mallinfo2</c> lays it out.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MallocInformation
    {
        public nuint Arenas;
        public nuint FreeBlocks;
        public nuint FastBlocks;
        public nuint Maps;
        public nuint InMaps;
        public nuint MostArenas;
        public nuint FastBytes;
        public nuint InArenas;
        public nuint FreeBytes;
        public nuint TopBytes;
    }
}
