using System.Management.Automation.Language;

namespace ZipLM.Host;

/// <summary>
/// Whether the last statement of a text succeeded: its <c>$?</c>. PowerShell's engine forgets that when the text has
/// run, so the text itself is made to note it at its end.
/// </summary>
internal sealed class LastStatement
{
    /// <summary>Set by the text.</summary>
    public bool Succeeded { get; set; } = true;

    /// <summary>The text with the note at its end; as it is where a statement cannot be added.</summary>
    public static string Noted(string text)
    {
        ScriptBlockAst parsed = Parser.ParseInput(text, out _, out ParseError[] errors);
        bool isPlain = errors.Length == 0 && parsed is { ParamBlock: null, EndBlock: { Unnamed: true, Statements.Count: > 0 }, BeginBlock: null, ProcessBlock: null, DynamicParamBlock: null };
        // Two line ends, because the text may end in a backtick.
        return isPlain ? $"{text}\n\n$Host.PrivateData.{nameof(Succeeded)} = $?" : text;
    }
}
