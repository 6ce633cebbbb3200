using System.Runtime.InteropServices;

namespace ZipLM.Engine.Data;

/// <summary>
/// How often each pair of neighbouring pieces occurs in the words, kept up to date while pairs are joined:
/// joining touches only the words that hold the pair, and a queue finds the most frequent pair.
/// </summary>
internal sealed class PairCounts
{
    private readonly List<(List<int> Pieces, int Count)> _words = [];
    private readonly Dictionary<(int Left, int Right), long> _counts = [];

    /// <summary>Words that hold a pair, or held it once: a word that no longer does is passed over.</summary>
    private readonly Dictionary<(int Left, int Right), HashSet<int>> _holders = [];

    /// <summary>Pairs by falling count, then by ids. An entry whose count is out of date is void: a fresh one was added when it changed.</summary>
    private readonly PriorityQueue<(int Left, int Right), (long NegativeCount, int Left, int Right)> _queue = new();

    /// <param name="words">The pieces of each word, which this takes over, and how often the word occurs.</param>
    public PairCounts(IEnumerable<(List<int> Pieces, int Count)> words)
    {
        foreach (var word in words)
        {
            _words.Add(word);
            Count(_words.Count - 1, word.Count, null);
        }

        foreach (var (pair, count) in _counts) _queue.Enqueue(pair, (-count, pair.Left, pair.Right));
    }

    /// <summary>The most frequent pair; of equals the one with the lower left id, then the lower right id. Null when there is none.</summary>
    public (int Left, int Right, long Count)? MostFrequent()
    {
        while (_queue.TryPeek(out var pair, out var priority))
        {
            if (_counts.GetValueOrDefault(pair) == -priority.NegativeCount) return (pair.Left, pair.Right, -priority.NegativeCount);
            _queue.Dequeue();
        }

        return null;
    }

    /// <summary>Replaces a pair by one piece wherever it occurs, from left to right.</summary>
    public void Join(int left, int right, int joined)
    {
        var before = new Dictionary<(int Left, int Right), long>();
        _holders.Remove((left, right), out var holders);
        foreach (var index in holders ?? [])
        {
            var (pieces, count) = _words[index];
            Count(index, -count, before);
            var kept = 0;
            for (var i = 0; i < pieces.Count; i++)
            {
                var found = i + 1 < pieces.Count && pieces[i] == left && pieces[i + 1] == right;
                pieces[kept++] = found ? joined : pieces[i];
                if (found) i++;
            }

            pieces.RemoveRange(kept, pieces.Count - kept);
            Count(index, count, before);
        }

        foreach (var (pair, old) in before)
        {
            var count = _counts[pair];
            if (count == 0) _counts.Remove(pair);
            else if (count != old) _queue.Enqueue(pair, (-count, pair.Left, pair.Right));
        }
    }

    /// <summary>Adds a word's pairs to the counts, or takes them out; remembers what the counts were.</summary>
    private void Count(int index, int amount, Dictionary<(int Left, int Right), long>? before)
    {
        var pieces = _words[index].Pieces;
        for (var i = 0; i + 1 < pieces.Count; i++)
        {
            var pair = (pieces[i], pieces[i + 1]);
            ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, pair, out _);
            before?.TryAdd(pair, count);
            count += amount;
            if (amount > 0)
            {
                ref var holders = ref CollectionsMarshal.GetValueRefOrAddDefault(_holders, pair, out _);
                (holders ??= []).Add(index);
            }
        }
    }
}
