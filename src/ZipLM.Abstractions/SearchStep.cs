namespace ZipLM;

/// <summary>A plan that was better than all before it.</summary>
/// <param name="Trial">The trial that found it; 0 = where the search began.</param>
/// <param name="Loss">Its loss on all search rows.</param>
/// <param name="ForwardTokens">Forward tokens until then, those of the plans that ran beside it included.</param>
public sealed record SearchStep(int Trial, double Loss, double ForwardTokens);
