namespace ZipLM;

/// <summary>One thing that must work for the module to work.</summary>
/// <param name="Check">What was looked at.</param>
/// <param name="Status">Passed, Warning, Failed.</param>
/// <param name="Detail">What was found.</param>
/// <param name="Remedy">What to do when it did not pass.</param>
public sealed record EnvironmentCheck(string Check, CheckStatus Status, string Detail, string? Remedy = null);
