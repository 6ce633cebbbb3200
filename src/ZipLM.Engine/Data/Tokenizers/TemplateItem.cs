namespace ZipLM.Engine.Data;

/// <summary>One place in a row of tokens.</summary>
/// <param name="Text">0: the tokens of the text; 1: those of the pair; <see cref="Special"/>: one special token.</param>
/// <param name="Id">The special token's id.</param>
/// <param name="TypeId">The type of the tokens here.</param>
internal readonly record struct TemplateItem(int Text, int Id, int TypeId)
{
    /// <summary>What <see cref="Text"/> is for a special token.</summary>
    public const int Special = -1;
}
