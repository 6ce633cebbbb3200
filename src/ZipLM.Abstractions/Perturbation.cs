namespace ZipLM;

/// <summary>How texts are disturbed, to see how well a model bears it.</summary>
public enum Perturbation
{
    /// <summary>A letter of a word is doubled, left out, replaced, or changes place with its neighbour.</summary>
    Typo,

    /// <summary>A word is written in capitals, or, where it is already, in small letters.</summary>
    Case,

    /// <summary>A word changes place with the next one.</summary>
    WordSwap,
}
