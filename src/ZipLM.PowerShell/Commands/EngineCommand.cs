using System.Management.Automation;
using ZipLM.Engine.Runtime;
using ZipLM.PowerShell.Jobs;

namespace ZipLM.PowerShell.Commands;

/// <summary>
/// Base of the commands that use the engine: owns the cancellation (Ctrl-C, Select-Object -First) and brings what is made on
/// other threads to the pipeline.
/// </summary>
public abstract class EngineCommand : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _cancellation = new();

    /// <summary>What the user is known to work in, for relative paths.</summary>
    private protected string CurrentDirectory => SessionState.Path.CurrentFileSystemLocation.ProviderPath;

    /// <summary>Cancelled when the pipeline stops.</summary>
    private protected CancellationToken Cancellation => _cancellation.Token;

    /// <inheritdoc />
    protected override void StopProcessing() => _cancellation.Cancel();

    /// <summary>With Select-Object -First only this runs: neither StopProcessing nor EndProcessing.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Cancels what still runs.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _cancellation.Cancel();
            _cancellation.Dispose();
        }
    }

    /// <summary>
    /// Runs work off the pipeline thread and writes what it makes. An error becomes an error record; one that would meet every
    /// other input too ends the command.
    /// </summary>
    /// <param name="input">What the user gave: the target of an error that names no other.</param>
    private protected void Run(object input, Action<ICommandOutput, CancellationToken> work)
    {
        using var output = new PipelineOutput(this);
        switch (output.Pump(o => work(o, Cancellation), _cancellation.Cancel))
        {
            case null:
                break;
            case OperationCanceledException when _cancellation.IsCancellationRequested:
                throw new PipelineStoppedException();
            case var failure when Errors.EndsCommand(failure):
                ThrowTerminatingError(Errors.Record(failure, input));
                break;
            case var failure:
                WriteError(Errors.Record(failure, input));
                break;
        }
    }

    /// <summary>The session to use: the one given, or this runspace's, made on first use.</summary>
    private protected TorchSession SessionOrDefault(GpuSession? given)
    {
        try
        {
            return given is null ? Sessions.Default() : (TorchSession)given;
        }
        catch (ZipLMException e)
        {
            ThrowTerminatingError(Errors.Record(e));
            throw;
        }
    }

    /// <summary>Files that a -Path with wildcards or a -LiteralPath names, resolved through the session state; each unresolved one is an error record.</summary>
    private protected IEnumerable<string> ResolveFiles(IEnumerable<string> paths, bool literal)
    {
        var files = new List<string>();
        foreach (var path in paths)
        {
            try
            {
                if (literal)
                {
                    files.Add(ResolvePath(path));
                    continue;
                }

                var found = SessionState.Path.GetResolvedProviderPathFromPSPath(path, out var provider);
                RequireFileSystem(path, provider);
                files.AddRange(found.Count > 0 ? found : throw NothingMatches(path, null));
            }
            catch (ZipLMException e)
            {
                WriteError(Errors.Record(e));
            }
            catch (ItemNotFoundException e)
            {
                WriteError(Errors.Record(NothingMatches(path, e)));
            }
            catch (Exception e) when (e is System.Management.Automation.DriveNotFoundException or ProviderNotFoundException)
            {
                WriteError(Errors.Record(NoSuchFile(path, e)));
            }
        }

        return files;
    }

    /// <summary>The file system's name for a path that need not exist, resolved through the session state.</summary>
    /// <exception cref="ZipLMException">Its drive does not exist, or is not one of files.</exception>
    private protected string ResolvePath(string path)
    {
        try
        {
            var resolved = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out var provider, out _);
            RequireFileSystem(path, provider);
            return resolved;
        }
        catch (Exception e) when (e is System.Management.Automation.DriveNotFoundException or ProviderNotFoundException)
        {
            throw NoSuchFile(path, e);
        }
    }

    /// <summary>The same for a parameter that may be left out; a path that cannot be one of files ends the command.</summary>
    private protected string? ResolveOrEnd(string? path)
    {
        try
        {
            return path is null ? null : ResolvePath(path);
        }
        catch (ZipLMException e)
        {
            ThrowTerminatingError(Errors.Record(e));
            throw;
        }
    }

    /// <summary>Checks parameters before any input is worked on; what is wrong with them ends the command.</summary>
    private protected void RequireOrEnd(Action check)
    {
        try
        {
            check();
        }
        catch (ZipLMException e)
        {
            ThrowTerminatingError(Errors.Record(e));
        }
    }

    private protected static void RequireFileSystem(string path, ProviderInfo provider)
    {
        if (provider.Name != "FileSystem")
        {
            throw new ZipLMException("PathNotFile", ErrorKind.InvalidArgument,
                $"'{path}' is a path of {provider.Name}, not of files.", "Give the path of a file or directory.", path);
        }
    }

    private protected static ZipLMException NoSuchFile(string path, Exception? cause) => new(
        "PathNotFound", ErrorKind.NotFound, $"There is no file '{path}'.", "Correct the path.", path, cause);

    /// <summary>For a pattern that matches nothing: brackets may be meant as they are.</summary>
    private ZipLMException NothingMatches(string pattern, Exception? cause) =>
        WildcardPattern.ContainsWildcardCharacters(pattern) && File.Exists(ResolvePath(pattern))
            ? new("PathNotFound", ErrorKind.NotFound, $"No file matches the pattern '{pattern}', but there is one of exactly this name.", "Give it with -LiteralPath.", pattern, cause)
            : NoSuchFile(pattern, cause);
}
