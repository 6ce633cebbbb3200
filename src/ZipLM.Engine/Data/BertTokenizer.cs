using System.Buffers;
using System.Text;

namespace ZipLM.Engine.Data;

/// <summary>
/// BERT's tokenizer, equal to the published fast one: clean, split, WordPiece, <c>[CLS] text [SEP] pair [SEP]</c>.
/// </summary>
public sealed class BertTokenizer : Tokenizer
{
    private readonly string[] _pieces;
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly BertNormalizer _normalizer;
    private readonly WordPiece _wordPiece;

    /// <summary>Special and added tokens, longest first: where two begin at one place, the longer one is meant.</summary>
    private readonly string[] _literals;
    private readonly SearchValues<string> _literalSearch;
    private readonly HashSet<int> _specialIds;

    /// <summary>Makes a tokenizer from a vocabulary in memory.</summary>
    /// <param name="vocabulary">The pieces in the order of their ids; of a repeated piece the last one counts.</param>
    /// <param name="options">How text is read.</param>
    /// <exception cref="ZipLMException">The vocabulary lacks a special token that BERT needs.</exception>
    public BertTokenizer(IReadOnlyList<string> vocabulary, BertTokenizerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        Options = options ?? new BertTokenizerOptions();
        _pieces = [.. vocabulary];
        for (var id = 0; id < _pieces.Length; id++) _ids[_pieces[id]] = id;

        PadId = Required(BertSpecialTokens.Pad);
        UnknownId = Required(BertSpecialTokens.Unknown);
        ClassifierId = Required(BertSpecialTokens.Classifier);
        SeparatorId = Required(BertSpecialTokens.Separator);
        Template = TokenTemplate.Bert(ClassifierId, SeparatorId);
        _specialIds = [.. BertSpecialTokens.All.Where(_ids.ContainsKey).Select(token => _ids[token])];
        _literals = [.. BertSpecialTokens.All.Concat(Options.AddedTokens).Where(_ids.ContainsKey).Distinct(StringComparer.Ordinal)
            .OrderByDescending(token => token.Length).ThenBy(token => token, StringComparer.Ordinal)];
        _literalSearch = SearchValues.Create(_literals, StringComparison.Ordinal);
        _normalizer = new BertNormalizer(Options);
        _wordPiece = new WordPiece(_ids, UnknownId, Options.MaximumWordLength);
    }

    /// <summary>How text is read.</summary>
    public BertTokenizerOptions Options { get; }

    /// <inheritdoc />
    public override IReadOnlyList<string> Vocabulary => _pieces;

    /// <inheritdoc />
    public override int? MaximumLength => Options.MaximumLength;

    /// <inheritdoc />
    public override int PadId { get; }

    /// <inheritdoc />
    public override int? MaskId => TryGetId(BertSpecialTokens.Mask, out var id) ? id : null;

    /// <inheritdoc />
    public override int? EndId => SeparatorId;

    /// <summary>Id of <c>[UNK]</c>, which stands for a word that has no pieces.</summary>
    public int UnknownId { get; }

    /// <summary>Id of <c>[CLS]</c>, the first token.</summary>
    public int ClassifierId { get; }

    /// <summary>Id of <c>[SEP]</c>, which ends each text.</summary>
    public int SeparatorId { get; }

    /// <inheritdoc />
    private protected override TokenTemplate Template { get; }

    /// <summary>Reads the tokenizer of a model directory: <c>tokenizer.json</c>, or else <c>vocab.txt</c>, with <c>tokenizer_config.json</c>.</summary>
    /// <exception cref="ZipLMException">No such file, a broken one, or a tokenizer of another kind.</exception>
    public static new BertTokenizer Load(string directory) => BertTokenizerReader.Read(directory);

    /// <inheritdoc />
    public override void Save(string directory) => BertTokenizerWriter.Write(this, directory);

    /// <summary>The words of the tokens, separated by spaces; special tokens are left out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id lies outside the vocabulary.</exception>
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var text = new StringBuilder();
        foreach (var id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, Count, nameof(ids));
            if (_specialIds.Contains(id)) continue;
            var goesOn = text.Length > 0 && _pieces[id].StartsWith(WordPiece.Continuation, StringComparison.Ordinal);
            if (!goesOn && text.Length > 0) text.Append(' ');
            text.Append(goesOn ? _pieces[id][WordPiece.Continuation.Length..] : _pieces[id]);
        }

        return text.ToString();
    }

    /// <summary>The id of a piece; of a repeated one the last.</summary>
    internal bool TryGetId(string piece, out int id) => _ids.TryGetValue(piece, out id);

    /// <summary>Special tokens written in the text are taken as such, as they stand; what lies between them is normalised and split.</summary>
    private protected override List<(int Id, int Start, int End)> Tokenize(string text)
    {
        var tokens = new List<(int Id, int Start, int End)>(text.Length / 4 + 8);
        var start = 0;
        while (text.AsSpan(start).IndexOfAny(_literalSearch) is var distance and >= 0)
        {
            var found = start + distance;
            var literal = Array.Find(_literals, token => text.AsSpan(found).StartsWith(token, StringComparison.Ordinal))!;
            Tokenize(text, start, found, tokens);
            start = found + literal.Length;
            tokens.Add((_ids[literal], found, start));
        }

        Tokenize(text, start, text.Length, tokens);
        return tokens;
    }

    private void Tokenize(string text, int start, int end, List<(int Id, int Start, int End)> tokens)
    {
        if (start == end) return;
        var normalized = _normalizer.Normalize(text, start, end);
        foreach (var word in BertSplitter.Words(normalized))
        {
            var first = tokens.Count;
            _wordPiece.Split(normalized.Slice(word.Start, word.End), tokens);
            for (var i = first; i < tokens.Count; i++)
            {
                var original = normalized.OriginalRange(word.Start + tokens[i].Start, word.Start + tokens[i].End);
                tokens[i] = (tokens[i].Id, original.Start, original.End);
            }
        }
    }

    private int Required(string token) => _ids.TryGetValue(token, out var id) ? id : throw new ZipLMException(
        "TokenizerSpecialTokenMissing", ErrorKind.InvalidData,
        $"The vocabulary of {Count} pieces has no {token}.", "Use a BERT vocabulary with [PAD], [UNK], [CLS] and [SEP].", token);
}
