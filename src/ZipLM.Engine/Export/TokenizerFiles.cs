using System.Text.Json.Nodes;
using ZipLM.Engine.Data;
using ZipLM.Engine.Models;
using ZipLM.Engine.Storage;

namespace ZipLM.Engine.Export;

/// <summary>The tokenizer's files beside an exported model.</summary>
internal static class TokenizerFiles
{
    public static void Write(TransformerModel model, string directory)
    {
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
