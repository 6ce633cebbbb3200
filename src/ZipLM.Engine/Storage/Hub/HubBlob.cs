using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace ZipLM.Engine.Storage;

/// <summary>
/// One file's content on its way into the cache: <c>blobs/ETAG.incomplete</c> grows, over broken connections and from run to
/// run, until it is whole and has the right hash; then it becomes <c>blobs/ETAG</c>.
/// </summary>
/// <param name="received">Hears of bytes that have arrived; fewer than none when they have to be thrown away.</param>
internal sealed class HubBlob(HubClient client, HubRepository repository, string commit, HubFile file, IReporter reporter, Action<long> received)
{
    private const int FruitlessTries = 5;

    private readonly string _path = client.Settings.Cache.BlobOf(repository, file.ETag);

    private string Incomplete => _path + ".incomplete";

    /// <summary>Downloads it unless it is there.</summary>
    /// <returns>Its path.</returns>
    public async Task<string> GetAsync(CancellationToken cancellationToken)
    {
        try
        {
            using IDisposable turn = await HubLock.TakeAsync(
                client.Settings.Cache.LockOf(repository, file.ETag), () => reporter.Verbose($"Another process downloads {file.Name}; waiting for it."), cancellationToken).ConfigureAwait(false);
            if (File.Exists(_path))
            {
                received(file.Size);
                return _path;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
            bool resumed = Length() > 0;
            await CompleteAsync(cancellationToken).ConfigureAwait(false);
            if (resumed && !await HasItsHashAsync(cancellationToken).ConfigureAwait(false))
            {
                // What an earlier run left may be damaged: once more, from the first byte.
                reporter.Verbose($"What an earlier run left of {file.Name} is damaged; downloading it again.");
                received(-Length());
                File.Delete(Incomplete);
                await CompleteAsync(cancellationToken).ConfigureAwait(false);
            }

            if (!await HasItsHashAsync(cancellationToken).ConfigureAwait(false))
            {
                File.Delete(Incomplete);
                throw HubErrors.Damaged(repository, file);
            }

            File.Move(Incomplete, _path, overwrite: true);
            return _path;
        }
        catch (Exception e) when (WriteFailure.Explain(e, _path, file.Size, Incomplete) is { } error)
        {
            throw error;
        }
    }

    /// <summary>Fetches until all bytes are there; gives up when several connections in a row brought nothing.</summary>
    private async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (Length() > file.Size)
            File.Delete(Incomplete);
        WriteFailure.RequireSpace(_path, file.Size - Length());
        received(Length());
        for (int fruitless = 0; ;)
        {
            long before = Length();
            try
            {
                await FetchAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (e is BrokenConnectionException || HubClient.IsConnectionFailure(e, cancellationToken))
            {
                long now = Length();
                fruitless = now > before ? 0 : fruitless + 1;
                if (fruitless == FruitlessTries)
                    throw HubErrors.ConnectionLost(client.Settings, repository, file, now, e.InnerException ?? e);
                reporter.Verbose(string.Create(CultureInfo.InvariantCulture, $"The connection broke after {now:N0} of {file.Size:N0} bytes of {file.Name}; going on from there."));
                await Task.Delay(client.Settings.RetryDelay * Math.Pow(2, fruitless), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task FetchAsync(CancellationToken cancellationToken)
    {
        await using var target = new FileStream(Incomplete, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, bufferSize: 0, useAsync: true);
        if (target.Length == file.Size)
            return;
        using HttpResponseMessage answer = await client.OpenAsync(repository, commit, file, target.Length, cancellationToken).ConfigureAwait(false);
        RequireOneSize(answer, target.Length);
        long start = answer.StatusCode == HttpStatusCode.PartialContent && answer.Content.Headers.ContentRange?.From == target.Length ? target.Length : 0;
        if (start < target.Length)
        {
            // The server takes no ranges: from the first byte.
            received(-target.Length);
            target.SetLength(0);
        }

        if (answer.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.PartialContent))
            throw new BrokenConnectionException(new IOException($"The server answers with {(int)answer.StatusCode}."));
        target.Position = start;
        await CopyAsync(answer, target, cancellationToken).ConfigureAwait(false);
        await target.FlushAsync(cancellationToken).ConfigureAwait(false);
        RandomAccess.FlushToDisk(target.SafeFileHandle);
    }

    /// <summary>Refuses an answer that announces another size than the hub did, before any of its bytes are kept.</summary>
    private void RequireOneSize(HttpResponseMessage answer, long offset)
    {
        long? whole = answer.StatusCode switch
        {
            HttpStatusCode.OK => answer.Content.Headers.ContentLength,
            HttpStatusCode.PartialContent => answer.Content.Headers.ContentRange?.Length ?? offset + answer.Content.Headers.ContentLength,
            _ => null,
        };
        if (whole is { } other && other != file.Size)
            throw HubErrors.LengthMismatch(repository, file, other);
    }

    private async Task CopyAsync(HttpResponseMessage answer, FileStream target, CancellationToken cancellationToken)
    {
        var buffer = new byte[1 << 17];
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Stream body = await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (body.ConfigureAwait(false))
        {
            while (true)
            {
                patience.CancelAfter(client.Settings.AnswerTimeout);
                int read = await ReadAsync(body, buffer, patience.Token, cancellationToken).ConfigureAwait(false);
                if (read == 0)
                    break;
                if (target.Position + read > file.Size)
                {
                    long sent = target.Position + read;
                    target.SetLength(0);
                    throw HubErrors.LengthMismatch(repository, file, sent);
                }

                await target.WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
                received(read);
            }
        }

        if (target.Position < file.Size)
            throw new BrokenConnectionException(new IOException("The connection was closed before all bytes had come."));
    }

    private static async Task<int> ReadAsync(Stream body, byte[] buffer, CancellationToken patience, CancellationToken user)
    {
        try
        {
            return await body.ReadAsync(buffer, patience).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or HttpRequestException || (e is OperationCanceledException && !user.IsCancellationRequested))
        {
            throw new BrokenConnectionException(e);
        }
    }

    /// <summary>The ETag of a large file is the SHA-256 of its content, that of a small one git's name for it; others say nothing of the content.</summary>
    private async Task<bool> HasItsHashAsync(CancellationToken cancellationToken)
    {
        if (!file.ETag.All(char.IsAsciiHexDigitLower) || file.ETag.Length is not (64 or 40))
            return true;
        using var hash = IncrementalHash.CreateHash(file.ETag.Length == 64 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        if (file.ETag.Length == 40)
            hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {file.Size}\0")));
        await using var content = new FileStream(Incomplete, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, useAsync: true);
        var buffer = new byte[1 << 20];
        for (int read; (read = await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
            hash.AppendData(buffer.AsSpan(0, read));
        return Convert.ToHexStringLower(hash.GetHashAndReset()) == file.ETag;
    }

    private long Length() => File.Exists(Incomplete) ? new FileInfo(Incomplete).Length : 0;

    /// <summary>The bytes stopped coming; those that came are kept.</summary>
    private sealed class BrokenConnectionException(Exception cause) : Exception(cause.Message, cause);
}
