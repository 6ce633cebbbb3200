namespace ZipLM.Engine.Data;

/// <summary>A question about a paragraph.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Question">The question.</param>
/// <param name="Context">The paragraph.</param>
/// <param name="Answers">The true answers; none in a test set.</param>
internal sealed record SquadQuestion(string Id, string Question, string Context, IReadOnlyList<SquadAnswer> Answers);
