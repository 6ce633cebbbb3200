using ZipLM.Engine.Compression;
using ZipLM.Engine.Data;
using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Recipes;

/// <summary>What the stages of a run share: the session, the directories, and what was read or hashed before.</summary>
/// <param name="recipe">The recipe.</param>
/// <param name="directory">The run directory, absolute.</param>
/// <param name="denseDirectory">Directory of the recipe's model.</param>
/// <param name="session">Null where the run is only planned.</param>
internal sealed class RunContext(Recipe recipe, string directory, string denseDirectory, TorchSession? session, CancellationToken cancellationToken)
{
    /// <summary>Folder of a stage's model within the stage's own.</summary>
    public const string ModelFolder = "model";

    /// <summary>Folder of the members within the run directory.</summary>
    public const string FamilyFolder = "family";

    private readonly Dictionary<RecipeDataset, TextDataset> _data = [];
    private readonly Dictionary<string, string> _hashes = [];

    public Recipe Recipe => recipe;

    public string Directory => directory;

    public TorchSession Session => session ?? throw new InvalidOperationException("A run that is only planned has no session.");

    /// <summary>Where members are written.</summary>
    public string FamilyDirectory => Path.Combine(directory, FamilyFolder);

    /// <summary>What the dense model said of the training data, for all targets; it goes when the run is through.</summary>
    public string TeacherDirectory => Path.Combine(directory, "teacher");

    /// <summary>Quality of the dense model, which every member is compared with.</summary>
    public MeasuredBaselines Baselines { get; } = new();

    public StageFolder FolderOf(Stage stage) => new(Path.Combine(directory, stage.Folder));

    public string DirectoryOf(ModelInput model) => model.Stage is null ? denseDirectory : FolderOf(model.Stage).File(ModelFolder);

    /// <summary>A model; the caller disposes it.</summary>
    public TransformerModel Open(ModelInput model) => TransformerModel.FromDirectory(Session, model.Name, DirectoryOf(model));

    /// <summary>Saves a stage's model. What its directory records (times, paths) is not written: it would differ from run to run.</summary>
    public void Save(Model model, StageFolder folder, IReporter reporter) =>
        HuggingFaceExport.Write(model, folder.File(ModelFolder), replace: false, reporter, cancellationToken, new ModelRecord());

    /// <param name="warn">Is told of rows that were left out, where the data is read for the first time.</param>
    public TextDataset Read(RecipeDataset data, Action<string>? warn = null)
    {
        if (!_data.TryGetValue(data, out var read))
        {
            read = TextDatasetReader.Read(data.Describe(), warn: warn);
            _data.Add(data, read);
        }

        return read;
    }

    public void Add(StageInputs inputs, string name, RecipeDataset data) =>
        inputs.File(name, ContentHash.OfText(string.Join('|', Hash(data.Path), data.Format, data.TextColumn, data.TextPairColumn, data.LabelColumn, data.Task, data.AnswerColumn, data.Delimiter)));

    /// <summary>The recipe's own model; another stage's is among the stages before.</summary>
    public void Add(StageInputs inputs, ModelInput model)
    {
        if (model.Stage is null)
        {
            inputs.File("model", Hash(denseDirectory));
        }
    }

    public string Hash(string path)
    {
        if (!_hashes.TryGetValue(path, out var hash))
        {
            hash = System.IO.Directory.Exists(path) ? ContentHash.OfModel(path, cancellationToken) : ContentHash.OfFile(path, cancellationToken);
            _hashes.Add(path, hash);
        }

        return hash;
    }
}
