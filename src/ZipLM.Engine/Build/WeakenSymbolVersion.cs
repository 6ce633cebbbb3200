using System;
using System.IO;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>
/// A build task: copies a 64-bit little-endian ELF library and marks one required symbol version as weak
/// (VER_FLG_WEAK), so that the loader accepts a system library that lacks it. Not part of the engine: MSBuild compiles it.
/// </summary>
public class WeakenSymbolVersion : Task
{
    private const uint VersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const byte Weak = 0x2; // VER_FLG_WEAK

    /// <summary>The library as the package has it.</summary>
    [Required]
    public string Source { get; set; }

    /// <summary>Where the repaired library goes.</summary>
    [Required]
    public string Destination { get; set; }

    /// <summary>The version to weaken, such as GLIBCXX_3.4.32.</summary>
    [Required]
    public string Version { get; set; }

    public override bool Execute()
    {
        byte[] elf = File.ReadAllBytes(Source);
        if (Mark(elf) == 0)
        {
            Log.LogError("{0} no longer asks for {1}: the package has changed, and the repair can go.", Source, Version);
            return false;
        }

        // By a new file and a rename: the destination may be a hard link that other folders share.
        Directory.CreateDirectory(Path.GetDirectoryName(Destination));
        string temporary = Destination + ".tmp";
        File.WriteAllBytes(temporary, elf);
        File.Delete(Destination);
        File.Move(temporary, Destination);
        return true;
    }

    /// <summary>Walks the section headers to .gnu.version_r and marks the entries of the version; returns how many.</summary>
    private int Mark(byte[] elf)
    {
        int marked = 0;
        long headers = BitConverter.ToInt64(elf, 0x28);
        int headerSize = BitConverter.ToUInt16(elf, 0x3A);
        int headerCount = BitConverter.ToUInt16(elf, 0x3C);
        for (int i = 0; i < headerCount; i++)
        {
            long header = headers + (long)i * headerSize;
            if (BitConverter.ToUInt32(elf, (int)header + 4) != VersionNeeds)
                continue;
            long strings = headers + (long)BitConverter.ToUInt32(elf, (int)header + 40) * headerSize;
            marked += MarkNeeds(elf, BitConverter.ToInt64(elf, (int)header + 24), BitConverter.ToInt64(elf, (int)strings + 24));
        }

        return marked;
    }

    private int MarkNeeds(byte[] elf, long need, long strings)
    {
        int marked = 0;
        for (uint step = 1; step != 0; need += step)
        {
            long entry = need + BitConverter.ToUInt32(elf, (int)need + 8);
            for (uint next = 1; next != 0; entry += next)
            {
                if (ReadString(elf, strings + BitConverter.ToUInt32(elf, (int)entry + 8)) == Version)
                {
                    elf[entry + 4] |= Weak;
                    marked++;
                }

                next = BitConverter.ToUInt32(elf, (int)entry + 12);
            }

            step = BitConverter.ToUInt32(elf, (int)need + 12);
        }

        return marked;
    }

    private static string ReadString(byte[] elf, long offset)
    {
        int end = Array.IndexOf(elf, (byte)0, (int)offset);
        return Encoding.ASCII.GetString(elf, (int)offset, end - (int)offset);
    }
}
