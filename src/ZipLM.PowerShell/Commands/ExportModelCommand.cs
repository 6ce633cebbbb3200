using System.Management.Automation;
using ZipLM.Engine.Export;
using ZipLM.Engine.Storage;

namespace ZipLM.PowerShell.Commands;

/// <summary>
/// Saves models of every model family: a directory in Hugging Face's layout, or a model for ONNX Runtime; whole or not at
/// all. A pruned model's directory holds modeling_ziplm.py, with which transformers loads it (trust_remote_code=True), and
/// README.md, which says how it was made and what was measured.
/// </summary>
/// <example>
///   <code>$pruned | Export-Model -Path ./bert-2x -WhatIf</code>
///   <para>Would write config.json, model.safetensors, the tokenizer's files, ziplm.json, modeling_ziplm.py and README.md.</para>
///   <code>What if: Performing the operation "Export bert-2x" on target "/srv/data/bert-2x".</code>
/// </example>
/// <example>
///   <code>$pruned | Export-Model -Name bert-2x -Force -PassThru</code>
///   <para>Registers it in the model store, where Get-Model bert-2x finds it, in place of one that was there.</para>
///   <code>
///   Name        : bert-2x
///   Parameters  : 1.21 M
///   Target      : 2.00×
///   Predicted   : 2.06×
///   Measured    : 2.04× ± 2.0 % (100 rounds)
///   Heads       : 0 2 2 2
///   Widths      : 56 77 50 24
///   Environment : cpu (AMD EPYC), Torch 2.10.0, Float32, batch 1, length 46, 2 thread(s)
///   Damping     : 0.01, condition 8.5e+5
///   Saved       : /srv/ziplm/models/bert-2x
///   </code>
/// </example>
/// <example>
///   <code>$pruned | Export-Model -Path ./bert-2x-dense -Dense -WhatIf</code>
///   <para>The zero-padded twin: it answers the same and loads wherever the dense model does, without any code of ours, but it is as slow as that.</para>
///   <code>What if: Performing the operation "Export the dense twin of bert-2x" on target "/srv/data/bert-2x-dense".</code>
/// </example>
/// <example>
///   <code>$pruned | Export-Model ./bert-2x.int8.onnx -Format Onnx -Precision Int8 -WhatIf</code>
///   <para>One file for ONNX Runtime with 8-bit weights. A path that does not end in .onnx is a directory, which the tokenizer goes into too.</para>
///   <code>What if: Performing the operation "Export bert-2x as Onnx, Int8" on target "/srv/data/bert-2x.int8.onnx".</code>
/// </example>
[Cmdlet(VerbsData.Export, "Model", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(Model))]
public sealed class ExportModelCommand : EngineCommand
{
    private const string PathSet = "Path";
    private const string NameSet = "Name";

    private int _exported;

    /// <summary>The model.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    public Model Model { get; set; } = null!;

    /// <summary>The directory to write; with -Format Onnx also a file that ends in .onnx.</summary>
    [Parameter(ParameterSetName = PathSet, Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = string.Empty;

    /// <summary>The name in the model store.</summary>
    [Parameter(ParameterSetName = NameSet, Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string Name { get; set; } = string.Empty;

    /// <summary>HuggingFace: config.json, model.safetensors and the tokenizer's files. Onnx: model.onnx in place of the weights, or that file alone; it gives logits, or without the head of a task (a masked-LM head is none) last_hidden_state; a causal language model takes past_key_values and gives present, so that it writes texts token by token.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [ValidateSet("HuggingFace", "Onnx")]
    public string Format { get; set; } = "HuggingFace";

    /// <summary>Numbers of an ONNX model: Float32, or Int8 for 8-bit weights with activations quantised as they come.</summary>
    [Parameter(ParameterSetName = PathSet)]
    public Precision Precision { get; set; } = Precision.Float32;

    /// <summary>Write matrices of full size with zeros where structures are gone: files for programs that know layers of one size only, at the dense model's speed.</summary>
    [Parameter(ParameterSetName = PathSet)]
    public SwitchParameter Dense { get; set; }

    /// <summary>Replace what is there.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Pass the model on.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    private bool IsOnnx => Format.Equals("Onnx", StringComparison.OrdinalIgnoreCase);

    /// <inheritdoc />
    protected override void BeginProcessing()
    {
        try
        {
            if (IsOnnx)
            {
                OnnxExport.RequirePrecision(Precision);
                if (Dense)
                {
                    throw new ZipLMException("ExportDenseOnnx", ErrorKind.InvalidArgument,
                        "An ONNX model has layers of any size, and needs no zeros.", "Leave -Dense out, or use it with -Format HuggingFace.", Format);
                }
            }
            else if (MyInvocation.BoundParameters.ContainsKey(nameof(Precision)))
            {
                throw new ZipLMException("ExportPrecision", ErrorKind.InvalidArgument,
                    "A Hugging Face directory holds the weights as they are.", "Use -Precision with -Format Onnx.", Precision);
            }
        }
        catch (ZipLMException e)
        {
            ThrowTerminatingError(Errors.Record(e));
        }
    }

    /// <inheritdoc />
    protected override void ProcessRecord()
    {
        var model = Model;
        if (_exported++ > 0)
        {
            WriteError(Errors.Record(new ZipLMException("ExportTargetTaken", ErrorKind.InvalidArgument,
                $"'{model.Name}' would overwrite the model that was exported before it to the same place.",
                "Export models one by one: … | ForEach-Object { $_ | Export-Model -Path $_.Name }.", model)));
            return;
        }

        string directory;
        try
        {
            directory = ParameterSetName == NameSet
                ? ModelStore.Default().PathFor(Name)
                : ResolvePath(Path);
        }
        catch (ZipLMException e)
        {
            WriteError(Errors.Record(e));
            return;
        }

        var (onnx, precision, dense) = (IsOnnx, Precision, Dense.IsPresent);
        if (!ShouldProcess(directory, onnx ? $"Export {model.Name} as Onnx, {precision}" : dense ? $"Export the dense twin of {model.Name}" : $"Export {model.Name}"))
        {
            return;
        }

        Run(model, (output, stopping) =>
        {
            if (onnx)
            {
                OnnxExport.Write(model, directory, precision, Force, output, stopping);
            }
            else if (dense)
            {
                HuggingFaceExport.WriteDense(model, directory, Force, output, stopping);
            }
            else
            {
                HuggingFaceExport.Write(model, directory, Force, output, stopping);
            }

            if (PassThru)
            {
                output.Write(model);
            }
        });
    }
}
