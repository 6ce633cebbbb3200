using System.Management.Automation;
using ZipLM.Engine.Recipes;
using ZipLM.Engine.Runtime;

namespace ZipLM.PowerShell.Commands;

/// <summary>
/// Runs a recipe: trains, prunes, distils, judges and writes a whole family of models. Every stage is kept in the run
/// directory; started again, the run goes on where it stopped and repeats nothing.
/// </summary>
/// <example>
///   <code>Invoke-CompressionRecipe ./tickets.yaml -RunDirectory ./run</code>
///   <para>Members are written as they become ready, the summary at the end. The same command goes on after a stop.</para>
///   <code>
///   Name                      Parameters Heads                Widths                        Speedup Saved
///   ----                      ---------- -----                ------                        ------- -----
///   tickets-2x                    1.23 M 4 2 4 4              41 56 41 16                     2.06× /srv/data/run/family/tickets-2x
///   tickets-4x                    1.10 M 0 0 1 2              18 16 16 16                     4.07× /srv/data/run/family/tickets-4x
///
///   Recipe  : tickets
///   Quality : accuracy on dev, dense 0.8428
///   Line    : accuracy = 0.864 − 0.011 × speedup, residual 0.0000 (2 members)
///   Files   : /srv/data/run/summary.csv, /srv/data/run/summary.json
///   Members : Model              Target          Speedup  Quality  Change  Parameters  Size MB
///             tickets-2x          2.00×   2.05× ± 1.1 %   0.8410 -0.0018     1.23 M      4.9
///             tickets-4x          4.00×   4.02× ± 0.9 %   0.8194 -0.0234     1.10 M      4.4
///   </code>
/// </example>
/// <example>
///   <code>Invoke-CompressionRecipe ./tickets.yaml -RunDirectory ./run -WhatIf</code>
///   <para>The stages with estimates of time and disk; nothing is computed or written.</para>
///   <code>
///   What if: Compress ./tickets by the recipe tickets in /srv/data/run:
///     01-latency                    done     0.0 MB
///     02-evaluate                   done     0.0 MB
///     03-statistics-2x                 3 s    18.9 MB
///     …
///     to do: about 14 min and 96.2 MB on disk. Estimated from the model's size and the data's …
///   </code>
/// </example>
/// <example>
///   <code>Get-ChildItem ./recipes/*.yaml | Invoke-CompressionRecipe -RunDirectory { "./runs/$($_.BaseName)" } -AsJob | Receive-Job -Wait | Where-Object Slope | Select-Object Recipe, Intercept, Slope, Residual</code>
///   <para>Several recipes, each in a run directory of its own, and the line through each family.</para>
///   <code>
///   Recipe   Intercept  Slope Residual
///   ------   ---------  ----- --------
///   tickets      0.864  0.011   0.0021
///   reviews      0.931  0.004   0.0009
///   </code>
/// </example>
[Cmdlet(VerbsLifecycle.Invoke, "CompressionRecipe", SupportsShouldProcess = true, DefaultParameterSetName = PathSet)]
[OutputType(typeof(Model), typeof(CompressionSummary), typeof(Job))]
public sealed class InvokeCompressionRecipeCommand : JobCommand
{
    private const string PathSet = "Path";
    private const string LiteralSet = "LiteralPath";

    /// <summary>Recipe files; wildcards are allowed.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>Recipe files, taken as they are.</summary>
    [Parameter(ParameterSetName = LiteralSet, Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>Where the stages are kept; made when it is missing. It belongs to one recipe, by its name.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string RunDirectory { get; set; } = string.Empty;

    /// <summary>The session to run in; one that is as the recipe's environment says unless given.</summary>
    [Parameter]
    public GpuSession? Session { get; set; }

    /// <summary>Return a job at once.</summary>
    [Parameter]
    public SwitchParameter AsJob { get; set; }

    private protected override bool InJob => AsJob;

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var literal = ParameterSetName == LiteralSet;
        foreach (var file in ResolveFiles(literal ? LiteralPath : Path, literal))
        {
            try
            {
                Process(file);
            }
            catch (ZipLMException e) when (!Errors.EndsCommand(e))
            {
                WriteError(Errors.Record(e, file));
            }
            catch (ZipLMException e)
            {
                ThrowTerminatingError(Errors.Record(e, file));
            }
        }
    }

    private void Process(string file)
    {
        var recipe = RecipeFile.Read(file);
        var (directory, current) = (ResolvePath(RunDirectory), CurrentDirectory);
        var plan = RecipeFlow.Plan(recipe, directory, current);
        var what = $"Compress by the recipe {recipe.Name} in {directory}:{Environment.NewLine}{plan}";
        if (!ShouldProcess(what, $"{what}{Environment.NewLine}Go on?", "Invoke-CompressionRecipe"))
        {
            return;
        }

        var session = SessionFor(recipe);
        RunOrAdd(file, recipe.Name, (output, stopping) => output.Write(RecipeFlow.Run(recipe, directory, session, current, output.Write, output, stopping)));
    }

    private TorchSession SessionFor(Recipe recipe)
    {
        if (Session is { } given)
        {
            RecipeFlow.RequireSession(recipe, given);
            return (TorchSession)given;
        }

        try
        {
            return Sessions.Current.LastOrDefault(s => RecipeFlow.Fits(recipe, s)) ?? Sessions.ConnectBeside(recipe.Session, new DirectOutput(this));
        }
        catch (ZipLMException e) when (e.ErrorId == "ZipLM.SessionThreadsConflict")
        {
            throw new ZipLMException("SessionThreadsConflict", e.Kind, e.Message,
                "Disconnect-GpuSession the other session first, or write as many threads into the recipe's section environment (threads: 1).", recipe.Name, e);
        }
    }
}
