namespace ZipLM.Engine.Data;

/// <summary><see cref="BertSplitter"/> as one step of several.</summary>
internal sealed class BertWordSplitter : ISplitter
{
    public SplitText Split(SplitText text) => text with
    {
        Words = [.. text.Words.SelectMany(range => BertSplitter.Words(text.Text, range.Start, range.End))],
    };
}
