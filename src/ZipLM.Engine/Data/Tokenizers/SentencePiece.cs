namespace ZipLM.Engine.Data;

/// <summary>A piece of SentencePiece's model file.</summary>
/// <param name="Text">The piece, with its mark for a space.</param>
/// <param name="Score">Log probability (Unigram), or minus its rank (BPE).</param>
/// <param name="Kind">What the piece is for.</param>
internal readonly record struct SentencePiece(string Text, double Score, SentencePieceKind Kind);
