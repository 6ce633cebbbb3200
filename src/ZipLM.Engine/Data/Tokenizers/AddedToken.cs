namespace ZipLM.Engine.Data;

/// <summary>A token that is found in the text as it stands, before anything else.</summary>
/// <param name="Content">How it is written.</param>
/// <param name="Id">Its id.</param>
/// <param name="IsSpecial">Left out of decoded text.</param>
/// <param name="EatsLeft">Takes the whitespace before it.</param>
/// <param name="EatsRight">Takes the whitespace after it.</param>
internal sealed record AddedToken(string Content, int Id, bool IsSpecial, bool EatsLeft, bool EatsRight);
