using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ZipLM.Engine.Data;

/// <summary>A tokenizer of the BPE or Unigram kind, put together of the parts that its <c>tokenizer.json</c> names.</summary>
internal sealed class PipelineTokenizer : Tokenizer
{
    private readonly PipelineParts _parts;
    private readonly byte[] _definition;
    private readonly JsonObject _config;

    /// <param name="definition"><c>tokenizer.json</c>, which is kept for saving.</param>
    /// <param name="config"><c>tokenizer_config.json</c>: the names of special tokens, and the longest sequence.</param>
    /// <exception cref="UnsupportedTokenizerException">A part is of a kind that is not supported.</exception>
    public PipelineTokenizer(byte[] definition, JsonObject config)
    {
        using var document = JsonDocument.Parse(definition);
        _parts = TokenizerJson.Read(document.RootElement, config);
        _definition = definition;
        _config = config;
        EndId = Find("eos_token", "</s>", "<|endoftext|>", "<|end_of_text|>");
        MaskId = Find("mask_token", "<mask>");
        PadId = Find("pad_token", "<pad>") ?? EndId ?? 0;
        MaximumLength = config["model_max_length"] is JsonValue limit && limit.TryGetValue(out int length) && length > 0 ? length : null;
    }

    /// <inheritdoc />
    public override IReadOnlyList<string> Vocabulary => _parts.Vocabulary;

    /// <inheritdoc />
    public override int? MaximumLength { get; }

    /// <inheritdoc />
    public override int PadId { get; }

    /// <inheritdoc />
    public override int? MaskId { get; }

    /// <inheritdoc />
    public override int? EndId { get; }

    /// <inheritdoc />
    private protected override TokenTemplate Template => _parts.Template;

    /// <inheritdoc />
    public override void Save(string directory)
    {
        File.WriteAllBytes(Path.Combine(directory, TokenizerFile.Json), _definition);
        File.WriteAllText(Path.Combine(directory, TokenizerFile.Config), _config.ToJsonString(TokenizerConfig.Layout) + "\n");
    }

    /// <inheritdoc />
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var bytes = new List<byte>();
        foreach (var id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, Count, nameof(ids));
            if (!_parts.SpecialIds.Contains(id)) AddBytes(Vocabulary[id], bytes);
        }

        // The space before the first word is the tokenizer's, not the text's.
        var text = Encoding.UTF8.GetString([.. bytes]);
        return !_parts.IsByteLevel && text.StartsWith(' ') ? text[1..] : text;
    }

    private protected override List<(int Id, int Start, int End)> Tokenize(string text)
    {
        var tokens = new List<(int Id, int Start, int End)>(text.Length / 4 + 8);
        foreach (var (id, start, end) in _parts.Literal.Split(text))
        {
            if (id >= 0) tokens.Add(Added(text, id, (start, end)));
            else Tokenize(text, _parts.Normalizers.Aggregate(NormalizedText.Of(text, start, end), (part, step) => step.Normalize(part)), tokens);
        }

        return tokens;
    }

    private (int Id, int Start, int End) Added(string text, int id, (int Start, int End) range)
    {
        if (_parts.Trimming is not null) range = OffsetTrimming.TrimAdded(text, range.Start, range.End);
        return (id, range.Start, range.End);
    }

    /// <summary>Tokens of one normalised part of a text.</summary>
    private void Tokenize(string original, NormalizedText text, List<(int Id, int Start, int End)> tokens)
    {
        foreach (var (added, start, end) in _parts.Normalized.Split(text.Slice(0, text.Length)))
        {
            if (added >= 0)
            {
                tokens.Add(Added(original, added, text.OriginalRange(start, end)));
                continue;
            }

            var split = _parts.Splitters.Aggregate(new SplitText(text, [(start, end)]), (words, step) => step.Split(words));
            foreach (var word in split.Words)
            {
                var first = tokens.Count;
                _parts.Model.Split(split.Text.Slice(word.Start, word.End), tokens);
                for (var i = first; i < tokens.Count; i++)
                {
                    var (id, from, to) = tokens[i];
                    (from, to) = split.Text.OriginalRange(word.Start + from, word.Start + to);
                    if (_parts.Trimming is { } trimming) (from, to) = trimming.Trim(original, Vocabulary[id], from, to);
                    tokens[i] = (id, from, to);
                }
            }
        }
    }

    private void AddBytes(string piece, List<byte> bytes)
    {
        if (!_parts.IsByteLevel && BytePieces.TryGetByte(piece, out var single)) bytes.Add(single);
        else if (_parts.IsByteLevel && piece.All(character => ByteAlphabet.TryGetByte(character, out _)))
        {
            foreach (var character in piece)
            {
                ByteAlphabet.TryGetByte(character, out var value);
                bytes.Add(value);
            }
        }
        else bytes.AddRange(Encoding.UTF8.GetBytes(_parts.IsByteLevel ? piece : piece.Replace(PipelineParts.SpaceMark, ' ')));
    }

    /// <summary>The id of the token that the config names, else of the first usual name that is an added token.</summary>
    private int? Find(string role, params string[] usual)
    {
        string[] names = TokenizerConfig.Token(_config, role) is { } named ? [named] : usual;
        foreach (var name in names)
        {
            var id = Array.IndexOf(_parts.Vocabulary, name);
            if (id >= 0) return id;
        }

        return null;
    }
}
