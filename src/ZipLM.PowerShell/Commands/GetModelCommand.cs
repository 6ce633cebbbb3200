using System.Management.Automation;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;
using ZipLM.PowerShell.Completion;

namespace ZipLM.PowerShell.Commands;

/// <summary>Gets models by path, name in the store, alias or hub id. Only headers are read: weights load on first use.</summary>
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
                var found = LiteralPath is null ? name : ResolvePath(name);
                WriteObject(Views.Tag(ModelCatalog.Find(session, ModelLocator.Default(), found, CurrentDirectory)));
            }
            catch (ZipLMException e)
            {
                WriteError(Errors.Record(e));
            }
        }
    }

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
            var found = SessionState.Path.GetResolvedProviderPathFromPSPath(name, out _).Where(ModelLocator.IsModel).ToList();
            // In the store's own folder both are the same models.
            return found.Concat(stored.Where(model => !found.Contains(ModelStore.Default().PathFor(model))));
        }
        catch (ItemNotFoundException)
        {
            return stored;
        }
    }
}
