namespace ZipLM.Engine.Data;

/// <summary>A true answer to a question.</summary>
/// <param name="Text">The answer, as it stands in the context.</param>
/// <param name="Start">Where it begins in the context, in UTF-16 units.</param>
internal sealed record SquadAnswer(string Text, int Start);
