using Xunit;
using ZipLM.Engine.Data;

namespace ZipLM.Engine.Tests.Data;

/// <summary>The sub-word steps against plain, slow ones.</summary>
public sealed class SubwordModelTests
{
    private static readonly string[] Letters = ["a", "b", "c", "é", "😀"];

    [Fact]
    public void BytePairsMergeAsThePlainLoopDoes()
    {
        var random = new Random(5);
        for (var trial = 0; trial < 200; trial++)
        {
            var pieces = new List<string>(Letters);
            var merges = new List<(string Left, string Right)>();
            while (merges.Count < 20)
            {
                var merge = (pieces[random.Next(pieces.Count)], pieces[random.Next(pieces.Count)]);
                if (merges.Contains(merge)) continue;
                merges.Add(merge);
                if (!pieces.Contains(merge.Item1 + merge.Item2)) pieces.Add(merge.Item1 + merge.Item2);
            }

            var model = new BytePairModel(Ids(pieces), merges, new BytePairOptions());
            for (var i = 0; i < 20; i++)
            {
                var word = Word(random, 30);
                Assert.Equal(PlainMerge(word, merges), Split(model, pieces, word));
            }
        }
    }

    [Fact]
    public void UnigramFindsTheBestOfAllSpellings()
    {
        var random = new Random(6);
        for (var trial = 0; trial < 200; trial++)
        {
            // Not every letter is a piece; unknown ones cost the rarest piece and 10 more.
            var pieces = new List<string> { "<unk>" };
            while (pieces.Count < 14)
            {
                var piece = Word(random, 3);
                if (!pieces.Contains(piece)) pieces.Add(piece);
            }

            double[] scores = [0, .. pieces.Skip(1).Select(_ => -10 * random.NextDouble())];
            var model = new UnigramModel(Ids(pieces), scores, 0, byteFallback: false);
            for (var i = 0; i < 20; i++)
            {
                var word = Word(random, 9);
                var found = new List<(int Id, int Start, int End)>();
                model.Split(word, found);
                Assert.Equal(word, string.Concat(found.Select(p => word[p.Start..p.End])));
                Assert.DoesNotContain(found.Zip(found.Skip(1)), p => p.First.Id == 0 && p.Second.Id == 0);
                Assert.Equal(BestSum(word, pieces, scores), found.Sum(p => p.Id == 0
                    ? (scores.Min() - 10) * word[p.Start..p.End].EnumerateRunes().Count() : scores[p.Id]), 9);
            }
        }
    }

    [Fact]
    public void UnknownCharactersBecomeBytesFusedOrNothing()
    {
        List<string> pieces = ["<unk>", "a", .. Enumerable.Range(0, 256).Select(b => BytePieces.Name((byte)b))];
        int[] Split(BytePairOptions options)
        {
            var found = new List<(int Id, int, int)>();
            new BytePairModel(Ids(pieces), [], options).Split("aé😀a", found);
            return [.. found.Select(p => p.Id)];
        }

        Assert.Equal([1, 2 + 0xC3, 2 + 0xA9, 2 + 0xF0, 2 + 0x9F, 2 + 0x98, 2 + 0x80, 1], Split(new() { ByteFallback = true, UnknownId = 0 }));
        Assert.Equal([1, 0, 1], Split(new() { FusesUnknown = true, UnknownId = 0 }));
        Assert.Equal([1, 0, 0, 1], Split(new() { UnknownId = 0 }));
        Assert.Equal([1, 1], Split(new()));
    }

    private static Dictionary<string, int> Ids(List<string> pieces) => pieces.Select((piece, id) => (piece, id)).ToDictionary(p => p.piece, p => p.id);

    private static string Word(Random random, int most) => string.Concat(Enumerable.Range(0, random.Next(1, most + 1)).Select(_ => Letters[random.Next(Letters.Length)]));

    private static IEnumerable<string> Split(ISubwordModel model, List<string> pieces, string word)
    {
        var found = new List<(int Id, int Start, int End)>();
        model.Split(word, found);
        Assert.All(found, p => Assert.Equal(pieces[p.Id], word[p.Start..p.End]));
        return found.Select(p => pieces[p.Id]);
    }

    private static List<string> PlainMerge(string word, List<(string Left, string Right)> merges)
    {
        var parts = word.EnumerateRunes().Select(r => r.ToString()).ToList();
        while (true)
        {
            var (best, at) = (int.MaxValue, -1);
            for (var i = 0; i + 1 < parts.Count; i++)
            {
                var rank = merges.IndexOf((parts[i], parts[i + 1]));
                if (rank >= 0 && rank < best) (best, at) = (rank, i);
            }

            if (at < 0) return parts;
            parts[at] += parts[at + 1];
            parts.RemoveAt(at + 1);
        }
    }

    /// <summary>Tries every way to cut the word.</summary>
    private static double BestSum(string word, List<string> pieces, double[] scores)
    {
        if (word.Length == 0) return 0;
        var best = double.NegativeInfinity;
        var first = word.EnumerateRunes().First().ToString();
        for (var id = 1; id < pieces.Count; id++)
        {
            if (word.StartsWith(pieces[id], StringComparison.Ordinal)) best = Math.Max(best, scores[id] + BestSum(word[pieces[id].Length..], pieces, scores));
        }

        return pieces.IndexOf(first) > 0 ? best : Math.Max(best, scores.Min() - 10 + BestSum(word[first.Length..], pieces, scores));
    }
}
