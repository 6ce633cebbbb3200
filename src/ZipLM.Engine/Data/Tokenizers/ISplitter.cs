namespace ZipLM.Engine.Data;

/// <summary>One step that splits text into words.</summary>
internal interface ISplitter
{
    SplitText Split(SplitText text);
}
