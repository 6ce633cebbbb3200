namespace ZipLM.HelpWriter;

/// <summary>An example of a command.</summary>
/// <param name="Code">What is typed.</param>
/// <param name="Output">What it then prints.</param>
/// <param name="Remarks">What is to be seen there.</param>
internal sealed record Example(string Code, string Output, IReadOnlyList<string> Remarks);
