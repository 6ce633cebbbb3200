using System.Text;
using ICSharpCode.SharpZipLib;
using ICSharpCode.SharpZipLib.GZip;

namespace ZipLM.Engine.Data;

/// <summary>Opens a data set's file as text and turns what can go wrong with a file into errors that name it.</summary>
internal static class DatasetFile
{
    /// <summary>Strict, so that a file in another encoding is an error and not a text of question marks; skips a byte order mark.</summary>
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: true, throwOnInvalidBytes: true);

    /// <summary>Reads a file of UTF-8 text, plain or gzip.</summary>
    public static T Read<T>(string path, Func<TextReader, T> read) => Open(path, file =>
    {
        // Not GZipStream: it takes a file that was cut off for a whole one, and rows would be missing silently.
        using var stream = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipInputStream(file) : file;
        using var reader = new StreamReader(stream, StrictUtf8, detectEncodingFromByteOrderMarks: false);
        return read(reader);
    });

    /// <summary>Reads a file of bytes.</summary>
    public static T Open<T>(string path, Func<Stream, T> read)
    {
        try
        {
            using var file = File.OpenRead(path);
            return read(file);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ZipLMException("DatasetNotFound", ErrorKind.NotFound,
                $"There is no data set '{path}'.", "Check the path.", path, error);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new ZipLMException("DatasetNotReadable", ErrorKind.ResourceUnavailable,
                $"'{path}' can't be read: {error.Message}",
                "Give a file that this account may read.", path, error);
        }
        catch (DecoderFallbackException error)
        {
            throw new ZipLMException("DatasetEncodingInvalid", ErrorKind.InvalidData,
                $"'{path}' is not UTF-8 text.", "Save the file as UTF-8.", path, error);
        }
        catch (Exception error) when (error is SharpZipBaseException or EndOfStreamException)
        {
            throw new ZipLMException("DatasetArchiveInvalid", ErrorKind.InvalidData,
                $"'{path}' is a damaged or unfinished gzip file: {error.Message}", "Fetch the file again.", path, error);
        }
    }
}
