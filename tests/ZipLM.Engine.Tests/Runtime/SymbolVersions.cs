using System.Buffers.Binary;
using System.Text;

namespace ZipLM.Engine.Tests.Runtime;

/// <summary>
/// What a 64-bit ELF library says about symbol versions, read by way of its dynamic segment, as the loader does (the
/// build's repair goes by the section headers).
/// </summary>
internal sealed class SymbolVersions
{
    private const ulong StringTable = 5, SymbolTable = 6, Rela = 7, RelaSize = 8, PltRelaSize = 2, PltRela = 23;
    private const ulong VersionOfSymbol = 0x6ffffff0, VersionNeeds = 0x6ffffffe, VersionNeedCount = 0x6fffffff;
    private readonly byte[] _elf;
    private readonly Dictionary<ulong, ulong> _dynamic = [];

    public SymbolVersions(byte[] elf)
    {
        _elf = elf;
        foreach ((uint type, ulong offset, _, ulong size) in Segments().Where(segment => segment.Type == 2))
        {
            for (ulong at = offset; at < offset + size && U64(at) != 0; at += 16)
                _dynamic[U64(at)] = U64(at + 8);
        }
    }

    /// <summary>One version that the library asks another for.</summary>
    public sealed record Requirement(string Name, bool IsWeak, ushort Index, long FlagsOffset);

    public IEnumerable<Requirement> Requirements()
    {
        ulong need = Offset(_dynamic[VersionNeeds]);
        for (ulong i = 0; i < _dynamic[VersionNeedCount]; i++, need += U32(need + 12))
        {
            ulong entry = need + U32(need + 8);
            for (int j = 0; j < U16(need + 2); j++, entry += U32(entry + 12))
                yield return new Requirement(Text(U32(entry + 8)), (U16(entry + 4) & 2) != 0, U16(entry + 6), (long)entry + 4);
        }
    }

    /// <summary>Names of the symbols that a relocation refers to and that carry the version with that index.</summary>
    public IEnumerable<string> RelocatedSymbols(ushort versionIndex)
    {
        ulong versions = Offset(_dynamic[VersionOfSymbol]), symbols = Offset(_dynamic[SymbolTable]);
        return Relocations().Distinct()
            .Where(symbol => (U16(versions + 2 * symbol) & 0x7fff) == versionIndex)
            .Select(symbol => Text(U32(symbols + 24 * symbol)));
    }

    /// <summary>How many relocations refer to a symbol at all.</summary>
    public IEnumerable<ulong> Relocations()
    {
        foreach ((ulong table, ulong size) in new[] { (Rela, RelaSize), (PltRela, PltRelaSize) })
        {
            ulong start = Offset(_dynamic[table]);
            for (ulong at = start; at < start + _dynamic[size]; at += 24)
            {
                if (U64(at + 8) >> 32 is var symbol and not 0)
                    yield return symbol;
            }
        }
    }

    private IEnumerable<(uint Type, ulong Offset, ulong Address, ulong Size)> Segments()
    {
        for (int i = 0; i < U16(0x38); i++)
        {
            ulong at = U64(0x20) + (ulong)(i * U16(0x36));
            yield return (U32(at), U64(at + 8), U64(at + 16), U64(at + 32));
        }
    }

    /// <summary>The place in the file of an address in memory.</summary>
    private ulong Offset(ulong address)
    {
        (_, ulong offset, ulong start, _) = Segments().First(s => s.Type == 1 && address >= s.Address && address < s.Address + s.Size);
        return address - start + offset;
    }

    private string Text(uint index)
    {
        int start = (int)(Offset(_dynamic[StringTable]) + index);
        return Encoding.ASCII.GetString(_elf.AsSpan(start, _elf.AsSpan(start).IndexOf((byte)0)));
    }

    private ushort U16(ulong at) => BinaryPrimitives.ReadUInt16LittleEndian(_elf.AsSpan((int)at));

    private uint U32(ulong at) => BinaryPrimitives.ReadUInt32LittleEndian(_elf.AsSpan((int)at));

    private ulong U64(ulong at) => BinaryPrimitives.ReadUInt64LittleEndian(_elf.AsSpan((int)at));
}
