namespace ZipLM.Engine.Data;

/// <summary>What a SentencePiece is for; numbers as in its model file.</summary>
internal enum SentencePieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}
