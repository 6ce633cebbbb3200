namespace ZipLM.Engine.Data;

/// <summary>Finds and reads the tokenizer of a model directory.</summary>
internal static class TokenizerReader
{
    /// <summary>SentencePiece's model file as XLM-R and as LLaMA are published with it.</summary>
    private static readonly string[] SentencePieceFiles = ["sentencepiece.bpe.model", "tokenizer.model"];

    /// <summary><c>tokenizer.json</c> wins, because it alone says everything; the other files are translated to it.</summary>
    public static Tokenizer Read(string directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        string In(string name) => Path.Combine(directory, name);
        if (File.Exists(In(TokenizerFile.Json)))
        {
            return TokenizerFile.Parse(In(TokenizerFile.Json), TokenizerJson.Kind) == TokenizerJson.WordPieceKind
                ? BertTokenizerReader.Read(directory) : Pipeline(In(TokenizerFile.Json), directory, bytes => bytes);
        }

        if (File.Exists(In("vocab.txt"))) return BertTokenizerReader.Read(directory);
        if (File.Exists(In(ByteLevelFiles.Vocabulary)) && File.Exists(In(ByteLevelFiles.Merges)))
        {
            var config = TokenizerConfig.Read(directory);
            var merges = TokenizerFile.Read(In(ByteLevelFiles.Merges), ByteLevelFiles.ReadMerges);
            return Pipeline(In(ByteLevelFiles.Vocabulary), directory, vocabulary => ByteLevelFiles.Translate(vocabulary, merges, config));
        }

        return SentencePieceFiles.Select(In).FirstOrDefault(File.Exists) is { } model
            ? Pipeline(model, directory, bytes => SentencePieceFile.Translate(bytes, Path.GetFileName(model) == SentencePieceFiles[0]))
            : throw TokenizerFile.Missing(directory, $"tokenizer.json, vocab.txt, {ByteLevelFiles.Vocabulary} with {ByteLevelFiles.Merges}, {string.Join(" or ", SentencePieceFiles)}");
    }

    /// <param name="path">The file to blame for what is wrong.</param>
    /// <param name="directory">The directory of the config.</param>
    /// <param name="translate">Turns the file into <c>tokenizer.json</c>.</param>
    private static PipelineTokenizer Pipeline(string path, string directory, Func<byte[], byte[]> translate)
    {
        var config = TokenizerConfig.Read(directory);
        return TokenizerFile.Read(path, bytes => new PipelineTokenizer(translate(bytes), config));
    }
}
