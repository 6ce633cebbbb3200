using System.Text.Json;

namespace ZipLM.Engine.Data;

/// <summary>Reads the <c>post_processor</c> of <c>tokenizer.json</c>.</summary>
internal static class TemplateJson
{
    public static (TokenTemplate Template, OffsetTrimming? Trimming) Read(JsonElement? part)
    {
        TokenTemplate? template = null;
        OffsetTrimming? trimming = null;
        foreach (var step in part.Flatten("processors"))
        {
            var kind = step.Kind();
            if (kind is "ByteLevel" or "RobertaProcessing" && (step.Flag("trim_offsets") ?? true))
            {
                trimming = new OffsetTrimming(step.Flag("add_prefix_space") ?? true);
            }

            if (kind == "ByteLevel") continue;
            if (template is not null) throw new UnsupportedTokenizerException("its post_processor has several templates");
            template = kind switch
            {
                "RobertaProcessing" => TokenTemplate.Roberta(Id(step, "cls"), Id(step, "sep")),
                "BertProcessing" => TokenTemplate.Bert(Id(step, "cls"), Id(step, "sep")),
                "TemplateProcessing" => new TokenTemplate(Items(step, "single", ["A"]), Items(step, "pair", ["A", "B"])),
                _ => throw new UnsupportedTokenizerException($"its post_processor is {kind}"),
            };
        }

        return (template ?? TokenTemplate.Plain, trimming);
    }

    private static int Id(JsonElement step, string name) => step.GetProperty(name)[1].GetInt32();

    /// <summary>A template's places; each text must stand in it once.</summary>
    private static List<TemplateItem> Items(JsonElement step, string name, string[] texts)
    {
        var items = new List<TemplateItem>();
        foreach (var place in step.GetProperty(name).EnumerateArray().SelectMany(place => place.EnumerateObject()))
        {
            var id = place.Value.GetProperty("id").GetString()!;
            var typeId = place.Value.GetProperty("type_id").GetInt32();
            if (place.Name == "Sequence") items.Add(TokenTemplate.Text(id == "A" ? 0 : 1, typeId));
            else items.AddRange(step.GetProperty("special_tokens").GetProperty(id).GetProperty("ids").EnumerateArray().Select(token => TokenTemplate.Token(token.GetInt32(), typeId)));
        }

        return items.Count(item => item.Text >= 0) == texts.Length && texts.Select((_, i) => i).All(text => items.Exists(item => item.Text == text)) ? items
            : throw new UnsupportedTokenizerException($"its template '{name}' does not hold {string.Join(" and ", texts)} once each");
    }
}
