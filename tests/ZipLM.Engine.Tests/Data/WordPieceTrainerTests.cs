using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

public sealed class WordPieceTrainerTests
{
    [Theory]
    [InlineData(1, 40)]
    [InlineData(2, 60)]
    [InlineData(3, 200)]
    [InlineData(4, 1000)]
    public void LearnsWhatCountingAgainAfterEveryJoinLearns(int seed, int size)
    {
        var random = new Random(seed);
        // Few letters, so that there are repeats ("aaa"), ties, and pairs that spell the same piece.
        var words = Enumerable.Range(0, 400).Select(_ => string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => "aaabcdé"[random.Next(7)]))).ToList();
        var texts = words.Chunk(10).Select(line => string.Join(' ', line)).ToList();
        var options = new BertTokenizerOptions { StripAccents = false };
        var learned = Train(texts, size, options).Vocabulary;
        Assert.Equal(Naive(words, size), learned);
        texts.Reverse();
        Assert.Equal(learned, Train(texts, size, options).Vocabulary);
    }

    [Fact]
    public void JoinsTheMostFrequentPairFirst()
    {
        var tokenizer = Train(["hug hug hug pug pug bun"], 18);
        Assert.Equal(
            ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "b", "g", "h", "n", "p", "u", "##g", "##n", "##u", "##ug", "hug", "pug"],
            tokenizer.Vocabulary);
        Assert.Equal([15, 10, 11], tokenizer.Encode("Hug ug", null, 16).Ids[1..^1]);
    }

    [Fact]
    public void TooSmallASizeAndTextsWithoutWordsAreErrors()
    {
        Assert.Equal("ZipLM.VocabularySizeTooSmall", Assert.Throws<ZipLMException>(() => Train(["abc"], 9)).ErrorId);
        Assert.Equal(10, Train(["abc"], 10).Count);
        Assert.Equal("ZipLM.VocabularyTextsEmpty", Assert.Throws<ZipLMException>(() => Train([" ", ""], 100)).ErrorId);
    }

    [Fact]
    public void RareCharactersBeyondTheLimitAreLeftOut()
    {
        // 1,200 distinct ideographs, each a word; the first 1,000 occur twice.
        var texts = Enumerable.Range(0, 1200).Select(i => $"{(char)(0x4E00 + i)}{(i < 1000 ? (char)(0x4E00 + i) : "")}");
        var vocabulary = Train(texts, 5000).Vocabulary;
        Assert.Equal(1005, vocabulary.Count);
        Assert.DoesNotContain(((char)(0x4E00 + 1000)).ToString(), vocabulary);
    }

    private static BertTokenizer Train(IEnumerable<string> texts, int size, BertTokenizerOptions? options = null) =>
        WordPieceTrainer.Train(texts, size, options, TestContext.Current.CancellationToken);

    /// <summary>The same criterion with every count made anew for every join.</summary>
    private static List<string> Naive(List<string> words, int size)
    {
        var vocabulary = new List<string> { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" };
        vocabulary.AddRange(words.SelectMany(word => word).Distinct().Order().Select(c => c.ToString()));
        vocabulary.AddRange(words.SelectMany(word => word.Skip(1)).Distinct().Order().Select(c => "##" + c));
        var split = words.Select(word => word.Select((c, i) => i == 0 ? c.ToString() : "##" + c).ToList()).ToList();
        while (vocabulary.Count < size)
        {
            var best = split.SelectMany(word => word.Zip(word.Skip(1))).GroupBy(pair => pair)
                .OrderByDescending(group => group.Count())
                .ThenBy(group => vocabulary.IndexOf(group.Key.First)).ThenBy(group => vocabulary.IndexOf(group.Key.Second))
                .FirstOrDefault();
            if (best is null || best.Count() < 2) break;
            var (left, right) = best.Key;
            var joined = left + right[2..];
            if (!vocabulary.Contains(joined)) vocabulary.Add(joined);
            foreach (var word in split)
            {
                for (var i = 0; i + 1 < word.Count; i++)
                {
                    if (word[i] != left || word[i + 1] != right) continue;
                    word[i] = joined;
                    word.RemoveAt(i + 1);
                }
            }
        }

        return vocabulary;
    }
}
