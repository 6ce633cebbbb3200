namespace ZipLM.Engine.Data;

/// <summary>Turns text into a model's tokens. Immutable, so threads may share one.</summary>
public abstract class Tokenizer
{
    /// <summary>The pieces in the order of their ids; an id that nothing has is an empty piece.</summary>
    public abstract IReadOnlyList<string> Vocabulary { get; }

    /// <summary>Number of ids, those without a piece included.</summary>
    public int Count => Vocabulary.Count;

    /// <summary>The longest sequence that the files say the model reads, special tokens included; null when they don't say.</summary>
    public abstract int? MaximumLength { get; }

    /// <summary>Fills short rows of a batch. A tokenizer that knows no such token gives its end token, or 0: the mask hides it anyway.</summary>
    public abstract int PadId { get; }

    /// <summary>Stands for a word that a masked language model is to guess; null when there is none.</summary>
    public abstract int? MaskId { get; }

    /// <summary>Ends a text; null when there is none.</summary>
    public abstract int? EndId { get; }

    /// <summary>Where the special tokens stand.</summary>
    private protected abstract TokenTemplate Template { get; }

    /// <summary>
    /// Reads the tokenizer of a model directory: <c>tokenizer.json</c>, else <c>vocab.txt</c>, else <c>vocab.json</c> with
    /// <c>merges.txt</c>, else SentencePiece's model file; and <c>tokenizer_config.json</c>.
    /// </summary>
    /// <exception cref="ZipLMException">No such file, a broken one, or a tokenizer of a kind that is not supported.</exception>
    public static Tokenizer Load(string directory) => TokenizerReader.Read(directory);

    /// <summary>
    /// Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c> (BERT: also <c>vocab.txt</c>) into a directory that
    /// exists, replacing those there. The caller makes the directory appear at once.
    /// </summary>
    public abstract void Save(string directory);

    /// <summary>The text of tokens; special tokens are left out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id lies outside the vocabulary.</exception>
    public abstract string Decode(IEnumerable<int> ids);

    /// <summary>Turns a text, or a pair of texts, into tokens.</summary>
    /// <param name="text">The text.</param>
    /// <param name="pair">The second text, or null.</param>
    /// <param name="maximumLength">Most tokens, special ones included; what is too much goes from the end of the longer text first.</param>
    /// <exception cref="ZipLMException">The maximum leaves no room for the special tokens.</exception>
    public TokenizedText Encode(string text, string? pair, int maximumLength)
    {
        ArgumentNullException.ThrowIfNull(text);
        var items = pair is null ? Template.Single : Template.Pair;
        var budget = Budget(items, maximumLength, pair is not null);
        var first = Tokenize(text);
        var second = pair is null ? [] : Tokenize(pair);
        var (firstKept, secondKept) = Truncation.LongestFirst(first.Count, second.Count, budget);
        return TokenTemplate.Fill(items, first, (0, firstKept), second, (0, secondKept));
    }

    /// <summary>
    /// Turns a question and a context that may be too long into one row for each window of the context; only the context
    /// is cut, and each window begins with the last <paramref name="stride"/> tokens of the one before.
    /// </summary>
    /// <param name="text">The question, whole in every row.</param>
    /// <param name="pair">The context.</param>
    /// <param name="maximumLength">Most tokens of a row, special ones included.</param>
    /// <param name="stride">Tokens that neighbouring windows share.</param>
    /// <exception cref="ZipLMException">The maximum leaves no room for more than <paramref name="stride"/> tokens of the context.</exception>
    public IReadOnlyList<TokenizedText> EncodeWindows(string text, string pair, int maximumLength, int stride)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(pair);
        ArgumentOutOfRangeException.ThrowIfNegative(stride);
        var budget = Budget(Template.Pair, maximumLength, isPair: true);
        var first = Tokenize(text);
        var second = Tokenize(pair);
        var window = budget - first.Count;
        if (window <= stride)
        {
            throw new ZipLMException("SequenceLengthTooSmall", ErrorKind.InvalidArgument,
                $"A sequence length of {maximumLength} leaves {Math.Max(window, 0)} tokens for the context beside a question of {first.Count}, and windows share {stride}.",
                $"Give a sequence length of at least {maximumLength - window + stride + 1}, or a smaller stride.", maximumLength);
        }

        var rows = new List<TokenizedText>();
        var start = 0;
        for (; start + window < second.Count; start += window - stride)
        {
            rows.Add(TokenTemplate.Fill(Template.Pair, first, (0, first.Count), second, (start, start + window)));
        }

        rows.Add(TokenTemplate.Fill(Template.Pair, first, (0, first.Count), second, (start, second.Count)));
        return rows;
    }

    /// <summary>The tokens of one text, without those that the template adds.</summary>
    private protected abstract List<(int Id, int Start, int End)> Tokenize(string text);

    private static int Budget(IReadOnlyList<TemplateItem> items, int maximumLength, bool isPair)
    {
        var added = TokenTemplate.Added(items);
        return maximumLength >= Math.Max(added, 1) ? maximumLength - added : throw new ZipLMException(
            "SequenceLengthTooSmall", ErrorKind.InvalidArgument,
            $"A sequence length of {maximumLength} has no room for the {added} special tokens of {(isPair ? "a pair of texts" : "a text")}.",
            $"Give a sequence length of at least {Math.Max(added, 1)}, better 16 or more.", maximumLength);
    }
}
