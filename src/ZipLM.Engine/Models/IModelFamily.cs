using TorchSharp.Modules;

namespace ZipLM.Engine.Models;

/// <summary>
/// What a new model family must give: how its config reads, what its tensors are called and how a checkpoint lays them
/// out, and how they go together. The one test suite of all model families says what must then be true.
/// </summary>
internal interface IModelFamily
{
    /// <summary>The config's <c>model_type</c>.</summary>
    string Name { get; }

    /// <summary>Classes of Hugging Face whose checkpoints are read.</summary>
    IReadOnlyList<string> Architectures { get; }

    /// <summary>The class of a model without any head.</summary>
    string BareArchitecture { get; }

    /// <summary>Names of tensors that some checkpoints hold beside another one that is the same by definition; they are not read.</summary>
    IReadOnlyList<string> TiedNames { get; }

    /// <summary>The class of transformers that reads WordPiece files for such a model, where BERT's own gives tokens' types that it lacks.</summary>
    string WordPieceClass => "BertTokenizer";

    /// <summary>Reads <c>config.json</c>; every layer is taken as dense.</summary>
    ModelDescription Describe(ConfigReader config);

    /// <summary>The name that this code uses for a tensor that a checkpoint calls <paramref name="name"/>; null for a buffer that is no weight.</summary>
    string? CanonicalName(string name);

    /// <summary>Every parameter of a model with its shape; the shapes of <paramref name="model"/> say what is left of each block.</summary>
    IEnumerable<(string Name, long[] Shape)> Tensors(ModelDescription model);

    /// <summary>The same parameters as a checkpoint stores them.</summary>
    IEnumerable<StoredTensor> Layout(ModelDescription model) => Tensors(model).Select(t => new StoredTensor(t.Name, [t]));

    /// <summary>Puts the parameters that <see cref="Tensors"/> names together; the result owns them.</summary>
    Transformer Build(ModelDescription model, IReadOnlyDictionary<string, Parameter> weights);
}
