namespace ZipLM.Engine.Data;

/// <summary>How texts and special tokens make a row, for one text and for a pair.</summary>
internal sealed record TokenTemplate(IReadOnlyList<TemplateItem> Single, IReadOnlyList<TemplateItem> Pair)
{
    /// <summary>The texts alone.</summary>
    public static TokenTemplate Plain { get; } = new([Text(0, 0)], [Text(0, 0), Text(1, 1)]);

    /// <summary><c>[CLS] A [SEP]</c> and <c>[CLS] A [SEP] B [SEP]</c>, the pair of type 1.</summary>
    public static TokenTemplate Bert(int classifier, int separator)
    {
        TemplateItem[] single = [Token(classifier, 0), Text(0, 0), Token(separator, 0)];
        return new(single, [.. single, Text(1, 1), Token(separator, 1)]);
    }

    /// <summary><c>&lt;s&gt; A &lt;/s&gt;</c> and <c>&lt;s&gt; A &lt;/s&gt; &lt;/s&gt; B &lt;/s&gt;</c>, all of type 0.</summary>
    public static TokenTemplate Roberta(int begin, int end)
    {
        TemplateItem[] single = [Token(begin, 0), Text(0, 0), Token(end, 0)];
        return new(single, [.. single, Token(end, 0), Text(1, 0), Token(end, 0)]);
    }

    public static TemplateItem Text(int text, int typeId) => new(text, 0, typeId);

    public static TemplateItem Token(int id, int typeId) => new(TemplateItem.Special, id, typeId);

    /// <summary>Special tokens of a row.</summary>
    public static int Added(IReadOnlyList<TemplateItem> items) => items.Count(item => item.Text == TemplateItem.Special);

    /// <summary>Makes a row of a range of each text's tokens.</summary>
    public static TokenizedText Fill(
        IReadOnlyList<TemplateItem> items,
        List<(int Id, int Start, int End)> first, (int Start, int End) firstKept,
        List<(int Id, int Start, int End)> second, (int Start, int End) secondKept)
    {
        var length = Added(items) + firstKept.End - firstKept.Start + secondKept.End - secondKept.Start;
        var row = new TokenizedText(new int[length], new int[length], new (int, int)[length], new int[length]);
        var at = 0;
        void Put(TemplateItem item, int id, int start, int end)
        {
            row.Ids[at] = id;
            row.TypeIds[at] = item.TypeId;
            row.Texts[at] = item.Text;
            row.Offsets[at++] = (start, end);
        }

        foreach (var item in items)
        {
            if (item.Text == TemplateItem.Special)
            {
                Put(item, item.Id, 0, 0);
                continue;
            }

            var tokens = item.Text == 0 ? first : second;
            var kept = item.Text == 0 ? firstKept : secondKept;
            for (var i = kept.Start; i < kept.End; i++) Put(item, tokens[i].Id, tokens[i].Start, tokens[i].End);
        }

        return row;
    }
}
