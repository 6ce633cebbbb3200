namespace ZipLM.Engine.Data;

/// <summary>Splits one word into pieces of a vocabulary.</summary>
internal interface ISubwordModel
{
    /// <summary>Adds the word's pieces to a list: ids, and ranges of the word's UTF-16 units.</summary>
    void Split(ReadOnlySpan<char> word, List<(int Id, int Start, int End)> pieces);
}
