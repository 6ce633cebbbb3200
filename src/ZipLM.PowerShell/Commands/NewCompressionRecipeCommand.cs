using System.Management.Automation;
using ZipLM.Engine.Recipes;

namespace ZipLM.PowerShell.Commands;

/// <summary>Writes a commented recipe for a model, to be changed and then run with Invoke-CompressionRecipe.</summary>
/// <example>
///   <code>Get-Model bert | New-CompressionRecipe ./bert.yaml</code>
///   <para>Data are those that the model's directory records; see about_ZipLM_Recipes for what the keys mean.</para>
///   <code>
///       Directory: /srv/data
///
///   UnixMode         User Group         LastWriteTime         Size Name
///   --------         ---- -----         -------------         ---- ----
///   -rw-r--r--       ann  ann       11/24/2026  09:12         2431 bert.yaml
///   </code>
/// </example>
/// <example>
///   <code>Get-Model ./tickets | New-CompressionRecipe ./tickets.yaml -Target 2, 4, 8 -TrainingData $train -ValidationData $dev | Invoke-CompressionRecipe -RunDirectory ./run -WhatIf</code>
///   <para>Writes the file and shows what a run of it would do.</para>
///   <code>
///   What if: Compress ./tickets by the recipe tickets in /srv/data/run:
///     01-latency                      12 s     0.0 MB
///     02-evaluate                      2 s     0.0 MB
///     03-statistics-2x                 3 s    18.9 MB
///     …
///     to do: about 14 min and 96.2 MB on disk. Estimated from the model's size and the data's …
///   </code>
/// </example>
[Cmdlet(VerbsCommon.New, "CompressionRecipe", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class NewCompressionRecipeCommand : EngineCommand
{
    /// <summary>The dense model; it must be on disk.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    public Model Model { get; set; } = null!;

    /// <summary>The file to write.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = string.Empty;

    /// <summary>Speedups of the family, rising.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public double[] Target { get; set; } = [2, 3, 4];

    /// <summary>What members learn from; what the model's directory records unless given.</summary>
    [Parameter]
    public TextDataset? TrainingData { get; set; }

    /// <summary>What members are judged on; what the model's directory records unless given.</summary>
    [Parameter]
    public TextDataset? ValidationData { get; set; }

    /// <summary>Overwrite a file that is there.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        try
        {
            var path = ResolvePath(Path);
            if (ShouldProcess(path, $"Write a recipe for {Model.Name}"))
            {
                StartingRecipe.Write(Model, TrainingData, ValidationData, Target, path, Force, new DirectOutput(this));
                WriteObject(new FileInfo(path));
            }
        }
        catch (ZipLMException e)
        {
            WriteError(Errors.Record(e, Path));
        }
    }
}
