namespace ZipLM.Host;

/// <summary>What the command line asks for.</summary>
internal enum HostMode
{
    Prompt,
    File,
    Command,
    Help,
    Version,
}
