using System.Globalization;
using System.Net;
using System.Security.Authentication;

namespace ZipLM.Engine.Storage;

/// <summary>What can go wrong with the hub, each as one error that says what to do. Addresses are shown without their query: it may be a signature.</summary>
internal static class HubErrors
{
    public const string Unreachable = "ZipLM.HubUnreachable";
    public const string AccessDenied = "ZipLM.HubAccessDenied";

    public static ZipLMException Offline(HubRepository repository, string looked) => new(
        "HubOffline", ErrorKind.ResourceUnavailable,
        $"The {repository} is not in the local cache ({looked}), and HF_HUB_OFFLINE forbids to ask the hub.",
        "Unset HF_HUB_OFFLINE, or fetch it once where there is a network.", repository.Id);

    public static ZipLMException NotReached(HubSettings settings, HubRepository repository, Exception cause) => new(
        "HubUnreachable", ErrorKind.ResourceUnavailable,
        $"The hub {settings.Name} cannot be reached for the {repository}: {Reason(cause)}",
        "Check the network and proxy (HTTPS_PROXY), or name a mirror with HF_ENDPOINT. What the local cache holds needs no network.", repository.Id, cause);

    /// <summary>The error for an answer that is no success.</summary>
    /// <param name="file">The file that was asked for; null = the revision itself.</param>
    public static ZipLMException Refused(HubSettings settings, HubRepository repository, string revision, string? file, HttpResponseMessage answer)
    {
        string subject = file is null ? $"the {repository}" : $"'{file}' of the {repository}";
        string? code = answer.Headers.TryGetValues("X-Error-Code", out IEnumerable<string>? codes) ? codes.FirstOrDefault() : null;
        return (answer.StatusCode, code) switch
        {
            (_, "GatedRepo") or (HttpStatusCode.Forbidden, _) => new(
                "HubAccessDenied", ErrorKind.InvalidOperation,
                $"The hub {settings.Name} refuses {subject} ({(int)answer.StatusCode}): it needs consent to its terms, or a token that may read it.",
                $"Open {settings.Name}/{(repository.IsDataset ? "datasets/" : "")}{repository.Id} in a browser and accept the terms; then give a token with HF_TOKEN or -Credential.", repository.Id),
            (_, "RevisionNotFound") => new(
                "HubRevisionNotFound", ErrorKind.NotFound,
                $"The {repository} has no revision '{revision}' on the hub {settings.Name}.", "Give -Revision a branch, a tag or a whole commit.", revision),
            (HttpStatusCode.NotFound, "EntryNotFound") => FileMissing(settings, repository, revision, file ?? ""),
            (HttpStatusCode.NotFound, _) when file is not null => FileMissing(settings, repository, revision, file),
            // The hub tells a stranger the same of a private repository and of one that does not exist.
            (HttpStatusCode.NotFound, _) or (_, "RepoNotFound") => RepositoryMissing(settings, repository),
            (HttpStatusCode.Unauthorized, _) => new(
                "HubAccessDenied", ErrorKind.InvalidOperation,
                $"The hub {settings.Name} does not show {subject} (401): {(settings.Token is null ? "it does not exist, or it is private and needs a token." : "it does not exist, or the token is not valid for it.")}",
                "Check the name; for a private repository, give a token that may read it with HF_TOKEN or -Credential.", repository.Id),
            (HttpStatusCode.TooManyRequests, _) => new(
                "HubTooManyRequests", ErrorKind.ResourceUnavailable,
                $"The hub {settings.Name} takes no more requests for {subject} now (429){Wait(answer)}.", "Wait, or give a token with HF_TOKEN or -Credential: the limits are wider then. What is downloaded so far is kept.", repository.Id),
            (>= HttpStatusCode.InternalServerError, _) => new(
                "HubUnavailable", ErrorKind.ResourceUnavailable,
                $"The hub {settings.Name} is out of order for {subject} ({(int)answer.StatusCode}){Wait(answer)}.", "Try again later. What is downloaded so far is kept.", repository.Id),
            _ => AnswerInvalid(answer.RequestMessage!.RequestUri!, $"its status is {(int)answer.StatusCode}"),
        };
    }

    public static ZipLMException RepositoryMissing(HubSettings settings, HubRepository repository) => new(
        repository.IsDataset ? "DatasetNotFound" : "ModelNotFound", ErrorKind.NotFound,
        $"The hub {settings.Name} has no {repository}, or it is private.",
        "Check the name (organisation/name); for a private repository, give a token with HF_TOKEN or -Credential.", repository.Id);

    public static ZipLMException ConnectionLost(HubSettings settings, HubRepository repository, HubFile file, long received, Exception cause) => new(
        "HubConnectionLost", ErrorKind.ResourceUnavailable, string.Create(CultureInfo.InvariantCulture,
        $"The connection to {settings.Name} breaks again and again: {received:N0} of {file.Size:N0} bytes of '{file.Name}' of the {repository} have arrived. {Reason(cause)}"),
        "Try again: the download goes on where it stopped.", repository.Id, cause);

    public static ZipLMException LengthMismatch(HubRepository repository, HubFile file, long other) => new(
        "HubLengthMismatch", ErrorKind.InvalidData, string.Create(CultureInfo.InvariantCulture,
        $"'{file.Name}' of the {repository} is said to have {file.Size:N0} bytes, but {other:N0} are sent. Nothing of it was kept."),
        "Try again later, or ask the owner of the mirror or proxy between here and the hub.", repository.Id);

    public static ZipLMException Damaged(HubRepository repository, HubFile file) => new(
        "HubFileDamaged", ErrorKind.InvalidData,
        $"'{file.Name}' of the {repository} arrived with another content than its hash ({file.ETag}) says. Nothing of it was kept.",
        "Try again; when it stays, a proxy or mirror changes the files on their way.", repository.Id);

    public static ZipLMException AnswerInvalid(Uri address, string reason, Exception? cause = null) => new(
        "HubAnswerInvalid", ErrorKind.InvalidData,
        $"{Show(address)} answers as no hub does: {reason}.",
        "Check HF_ENDPOINT, and whether a proxy or a log-in page stands between here and the hub.", Show(address), cause);

    public static ZipLMException PathTraversal(HubRepository repository, string file) => new(
        "HubPathTraversal", ErrorKind.InvalidData,
        $"The {repository} lists a file '{file}', whose name leads out of its directory. Nothing was downloaded.", "Do not use this repository.", repository.Id);

    public static ZipLMException Pickle(HubRepository repository, string file) => new(
        "CheckpointPickle", ErrorKind.InvalidData,
        $"The {repository} has its weights as a pickle ({file}) only. Opening a pickle can run any code, so it is never read. Nothing was downloaded.",
        $"Look among the repository's pull requests for one that adds model.safetensors, and give it: -Revision refs/pr/NUMBER. Or convert it once, in Python: from transformers import AutoModel; AutoModel.from_pretrained('{repository.Id}').save_pretrained('DIRECTORY', safe_serialization=True), with the class that has the model's head in place of AutoModel, and its tokenizer likewise.",
        repository.Id);

    public static ZipLMException FileMissing(HubSettings settings, HubRepository repository, string revision, string file) => new(
        "HubFileNotFound", ErrorKind.NotFound,
        $"The {repository} has no file '{file}' at revision '{revision}' on the hub {settings.Name}.", "Take another repository or -Revision.", repository.Id);

    /// <summary>An address without what may be secret in it.</summary>
    public static string Show(Uri address) => address.GetLeftPart(UriPartial.Path);

    private static string Wait(HttpResponseMessage answer) => HubRetry.Wait(answer.Headers.RetryAfter) is { } wait
        ? string.Create(CultureInfo.InvariantCulture, $" and asks to wait {wait.TotalSeconds:0} s")
        : "";

    private static string Reason(Exception cause) => cause switch
    {
        OperationCanceledException or TimeoutException => "it does not answer in time.",
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } => "its name is not known here.",
        HttpRequestException { InnerException: AuthenticationException tls } => Sentence(tls.Message),
        HttpRequestException { InnerException: { } inner } => Sentence(inner.Message),
        Polly.Timeout.TimeoutRejectedException => "it does not answer in time.",
        _ => Sentence(cause.Message),
    };

    private static string Sentence(string text) => text.TrimEnd('.') + ".";
}
