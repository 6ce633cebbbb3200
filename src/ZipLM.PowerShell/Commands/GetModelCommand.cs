using System.Management.Automation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;
using ZipLM.Engine.Storage;
using ZipLM.PowerShell.Completion;

namespace ZipLM.PowerShell.Commands;

/// <summary>Gets models by path, name in the store, alias or hub id. A model of the hub is downloaded here, whole, into the cache that Hugging Face's own tools share, unless it is there; then only headers are read: weights load on first use. HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE mean what they mean to those tools.</summary>
/// <example>
///   <code>Get-Model bert</code>
///   <para>Looks for a directory 'bert', then in the model store, then for the alias in the local Hugging Face cache.</para>
///   <code>
///   Name                       Parameters Heads                Widths                        Speedup Saved
///   ----                       ---------- -----                ------                        ------- -----
///   bert                           1.84 M 4 × 4                4 × 512                               /srv/ziplm/models/bert
///   </code>
/// </example>
/// <example>
///   <code>Get-Model | Where-Object MeasuredSpeedup -gt 2</code>
///   <para>The models of the store that are more than twice as fast as what they were pruned from.</para>
///   <code>
///   Name        : bert-3x
///   Parameters  : 1.16 M
///   Target      : 3.00×
///   Predicted   : 2.72×
///   Measured    : 3.01× ± 0.4 % (100 rounds)
///   Heads       : 0 0 2 1
///   Widths      : 56 69 56 22
///   Environment : cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 46, 2 thread(s)
///   Damping     : 0.01, condition 8.5e+5
///   Saved       : /srv/ziplm/models/bert-3x
///   </code>
/// </example>
/// <example>
///   <code>Get-Model distilbert/distilbert-base-uncased -Revision refs/pr/12 -Verbose</code>
///   <para>A revision of a model of the hub. Downloads go on where they stopped, and every file is checked against its hash.</para>
///   <code>
///   VERBOSE: Downloading model.safetensors of the model 'distilbert/distilbert-base-uncased' at 12040accade4e8a0f71eabdb258fecc2e7e948be, 267,954,768 bytes.
///   Name                       Parameters Heads                Widths                        Speedup Saved
///   ----                       ---------- -----                ------                        ------- -----
///   distilbert/distilbert-b…      66.99 M 6 × 12               6 × 3072                              /root/.cache/huggingface/hub/…
///   </code>
/// </example>
[Cmdlet(VerbsCommon.Get, "Model", DefaultParameterSetName = NameSet)]
[OutputType(typeof(Model))]
public sealed class GetModelCommand : EngineCommand
{
    private const string NameSet = "Name";
    private const string LiteralSet = "LiteralPath";

    /// <summary>Paths of model directories, names in the store, aliases (bert, gpt2, …) or hub ids. Without it, the models of the store.</summary>
    [Parameter(ParameterSetName = NameSet, Position = 0, ValueFromPipeline = true)]
    [ArgumentCompleter(typeof(ModelNameCompleter))]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[]? Name { get; set; }

    /// <summary>Paths of model directories, taken as they are.</summary>
    [Parameter(ParameterSetName = LiteralSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[]? LiteralPath { get; set; }

    /// <summary>Branch, tag or commit of a model of the hub; paths and the store are then not looked at.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [ValidateNotNullOrEmpty]
    public string? Revision { get; set; }

    /// <summary>A token for private and gated models of the hub, as the password; the user name does not matter. HF_TOKEN, or what hf auth login has stored, unless given.</summary>
    [Parameter(ParameterSetName = NameSet)]
    [Credential]
    public PSCredential? Credential { get; set; }

    /// <summary>The session that the model runs in; this runspace's unless given.</summary>
    [Parameter]
    public GpuSession? Session { get; set; }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var session = SessionOrDefault(Session);
        foreach (var name in LiteralPath ?? (Name ?? ModelStore.Default().List()).SelectMany(Expand))
        {
            try
            {
                Get(session, LiteralPath is null ? name : ResolvePath(name), CurrentDirectory);
            }
            catch (ZipLMException e)
            {
                WriteError(Errors.Record(e));
            }
        }
    }

    /// <summary>Finds or downloads one model off the pipeline thread; what goes wrong is an error of this one: the next may be on this machine.</summary>
    private void Get(TorchSession session, string name, string currentDirectory) => Run(name, (output, cancellation) =>
    {
        try
        {
            output.Write(LiteralPath is null
                ? ModelCatalog.FindAsync(session, Hub, name, currentDirectory, Revision, output, cancellation).GetAwaiter().GetResult()
                : ModelCatalog.Find(session, ModelLocator.Default(), name, currentDirectory));
        }
        catch (ZipLMException e)
        {
            output.Error(e);
        }
    });

    private HubSettings Hub() => HubSettings.Default(Credential?.GetNetworkCredential().Password);

    /// <summary>A pattern stands for the models among the directories that it matches, and for the names in the store.</summary>
    private IEnumerable<string> Expand(string name)
    {
        if (!WildcardPattern.ContainsWildcardCharacters(name))
        {
            return [name];
        }

        var pattern = WildcardPattern.Get(name, WildcardOptions.IgnoreCase);
        var stored = ModelStore.Default().List().Where(pattern.IsMatch);
        try
        {
            var paths = SessionState.Path.GetResolvedProviderPathFromPSPath(name, out var provider);
            RequireFileSystem(name, provider);
            var found = paths.Where(ModelLocator.IsModel).ToList();
            // In the store's own folder both are the same models.
            return found.Concat(stored.Where(model => !found.Contains(ModelStore.Default().PathFor(model))));
        }
        catch (ItemNotFoundException)
        {
            return stored;
        }
        catch (Exception e) when (e is System.Management.Automation.DriveNotFoundException or ProviderNotFoundException)
        {
            WriteError(Errors.Record(NoSuchFile(name, e)));
            return [];
        }
        catch (ZipLMException e)
        {
            WriteError(Errors.Record(e));
            return [];
        }
    }
}
