using System.Buffers.Binary;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;
using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;
using static TorchSharp.torch;

namespace ZipLM.Engine.Distillation;

/// <summary>Asks a teacher for its answers on a data set and writes them as the file of a <see cref="TeacherCache"/>.</summary>
internal sealed class TeacherCacheWriter(
    Teacher teacher, IReadOnlyList<CacheField> fields, EncodedDataset data, Device device, IReporter reporter, CancellationToken cancellationToken)
{
    /// <summary>Most rows that the teacher is asked for at a time.</summary>
    public const int MostRows = 64;

    /// <summary>Most numbers of an answer at a time, of 4 bytes each: a language model's scores, or all blocks' outputs.</summary>
    private const long MostNumbers = 1 << 25;

    /// <param name="path">Its name in errors.</param>
    /// <param name="origin">What the answers are of.</param>
    /// <returns>Where each field begins behind the head.</returns>
    public long[] Write(FileStream stream, string path, IReadOnlyDictionary<string, string> origin)
    {
        WriteFailure.RequireSpace(path, TeacherCache.Bytes(fields, data));
        var (header, starts) = Header(origin);
        RandomAccess.Write(stream.SafeFileHandle, header, 0);
        var ends = starts.Select(s => s + header.Length).ToArray();
        for (var rows = teacher.RowsWithin(MostNumbers, MostRows, data); ; rows /= 2)
        {
            try
            {
                WriteAnswers(stream.SafeFileHandle, [.. ends], rows);
                break;
            }
            catch (Exception e) when (rows > 1 && OutOfMemory.Is(e))
            {
                // The longest rows come first, so little was done.
                reporter.Warning($"Memory ran out while the teacher was asked for {rows} rows at a time. Asking for {rows / 2}.");
            }
        }

        return starts;
    }

    /// <param name="ends">Where the next answers go in the file, field by field.</param>
    /// <param name="rows">Rows to ask for at a time.</param>
    private void WriteAnswers(SafeFileHandle handle, long[] ends, int rows)
    {
        var done = 0;
        foreach (var batch in Batch.Sequential(data, rows, device))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using (batch)
            {
                var answers = teacher.AskInShort(batch);
                for (var i = 0; i < fields.Count; i++)
                {
                    using var answer = answers[i];
                    using var kept = fields[i].IsPerToken && batch.IsPadded ? answer[batch.Mask] : answer.alias();
                    using var stored = kept.to(fields[i].Type).cpu().contiguous();
                    RandomAccess.Write(handle, stored.bytes, ends[i]);
                    ends[i] += stored.numel() * (fields[i].Type == ScalarType.Float16 ? 2 : 4);
                }

                done += batch.Rows.Count;
                reporter.Progress(new("Asking the teacher", $"{done} of {data.Examples.Count} rows", done, data.Examples.Count));
            }
        }

        reporter.Progress(new("Asking the teacher", "done", data.Examples.Count, data.Examples.Count, Completed: true));
    }

    /// <summary>The head of the file, and where each field begins behind it.</summary>
    private (byte[] Header, long[] Starts) Header(IReadOnlyDictionary<string, string> origin)
    {
        var json = new JsonObject { ["__metadata__"] = new JsonObject(origin.Select(o => KeyValuePair.Create(o.Key, (JsonNode?)o.Value))) };
        var starts = new long[fields.Count];
        var at = 0L;
        for (var i = 0; i < fields.Count; i++)
        {
            var field = fields[i];
            var count = field.Rows(data);
            starts[i] = at;
            json[field.Name] = new JsonObject
            {
                ["dtype"] = field.Type == ScalarType.Float16 ? "F16" : "I32",
                ["shape"] = new JsonArray(count, field.Numbers),
                ["data_offsets"] = new JsonArray(at, at += count * field.Bytes),
            };
        }

        var text = System.Text.Encoding.UTF8.GetBytes(json.ToJsonString());
        var header = new byte[8 + ((text.Length + 7) / 8 * 8)];
        Array.Fill(header, (byte)' ');
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - 8);
        text.CopyTo(header, 8);
        return (header, starts);
    }
}
