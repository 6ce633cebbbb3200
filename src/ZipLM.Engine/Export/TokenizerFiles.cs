using System.Text.Json.Nodes;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Export;

/// <summary>The files beside an exported model that say how it reads and writes text.</summary>
internal static class TokenizerFiles
{
    /// <summary>What is of no use here, but of use to others: kept as it is where the model came from.</summary>
    private static readonly string[] Kept = [ModelDirectory.GenerationFile, ModelDirectory.SpecialTokensFile];

    public static void Write(TransformerModel model, string directory)
    {
        if ((model.Path ?? model.Record.BaseModel) is { } source)
        {
            foreach (var file in Kept.Where(name => File.Exists(Path.Combine(source, name))))
            {
                File.Copy(Path.Combine(source, file), Path.Combine(directory, file));
            }
        }

        model.Tokenizer.Save(directory);
        if (model.Tokenizer is BertTokenizer)
        {
            var path = Path.Combine(directory, TokenizerFile.Config);
            var config = JsonFile.Read(path);
            config["tokenizer_class"] = model.Description.Family.WordPieceClass;
            // Else a tokenizer gives types that transformers' own class of such a model refuses.
            if (model.Description.TextTypes < 2)
            {
                config["model_input_names"] = new JsonArray("input_ids", "attention_mask");
            }

            JsonFile.Write(path, config);
        }
    }
}
