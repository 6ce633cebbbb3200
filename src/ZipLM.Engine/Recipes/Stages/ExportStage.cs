using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Recipes;

/// <summary>Writes a member of the family, with the record of how it came to be.</summary>
internal sealed class ExportStage(double target, ModelInput model, ModelInput dense, PruneStage prune)
    : Stage("export", target, model.Stage, dense.Stage, prune)
{
    /// <summary>Name of the member.</summary>
    public string Member => model.Name;

    public override void Describe(StageInputs inputs, RunContext run)
    {
        run.Add(inputs, dense);
        inputs.Setting("name", model.Name);
        inputs.Setting("exports", StageJson.Of(run.Recipe.Exports));
    }

    public override void Run(StageWork work)
    {
        var (run, data) = (work.Run, work.Run.Recipe.Data);
        var directory = MemberDirectory(run);
        using var member = run.Open(model);
        var denseDirectory = run.DirectoryOf(dense);
        using var checkpoint = ModelReader.Open(denseDirectory, member.Description.Family);
        var record = new ModelRecord
        {
            BaseModel = denseDirectory,
            BaseHash = checkpoint.Hash(work.Cancellation),
            TrainingData = (data.Train ?? data.Calibration).Describe(),
            ValidationData = data.Evaluation.Describe(),
            Pruning = prune.Result(work),
            Training = run.Recipe.Distillation?.Record(Path.GetFileNameWithoutExtension((data.Train ?? data.Calibration).Path), dense.Name),
        };
        if (Directory.Exists(directory) && !ModelDirectory.IsModel(directory))
        {
            // What is left of a damaged member: it lies within the run, so it is no one else's.
            Directory.Delete(directory, recursive: true);
        }

        HuggingFaceExport.Write(member, directory, replace: true, work.Reporter, work.Cancellation, record);
        foreach (var (export, name, precision) in new[] { (RecipeExport.Onnx, "model", Precision.Float32), (RecipeExport.OnnxInt8, "model-int8", Precision.Int8) })
        {
            if (run.Recipe.Exports.Contains(export))
            {
                WriteOnnx(Path.Combine(directory, name), precision);
            }
        }

        // The record repeats times that were measured, so it differs from run to run.
        work.Delivered.AddRange(Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetFileName(f) is not (ModelDirectory.RecordFile or "README.md")));

        void WriteOnnx(string path, Precision precision)
        {
            try
            {
                OnnxExport.Write(member, path + ".onnx", precision, replace: true, work.Reporter, work.Cancellation);
            }
            catch (ZipLMException e) when (e.ErrorId == "ZipLM.OnnxModelTooLarge")
            {
                // A directory has room for weights in a file of their own.
                OnnxExport.Write(member, path, precision, replace: true, work.Reporter, work.Cancellation);
            }
        }
    }

    public override StageCost Cost(RunSizes sizes) => new(0, sizes.ModelBytes / Math.Sqrt(Target!.Value) * (1 + sizes.Recipe.Exports.Count(e => e != RecipeExport.HuggingFace)));

    /// <summary>Where the member lies.</summary>
    public string MemberDirectory(RunContext run) => Path.Combine(run.FamilyDirectory, model.Name);
}
