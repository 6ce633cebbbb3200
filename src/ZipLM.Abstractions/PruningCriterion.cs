namespace ZipLM;

/// <summary>By which score structures of a sublayer go; the lowest goes first.</summary>
public enum PruningCriterion
{
    /// <summary>What removing the structure next adds to the output's error when the others take over its work; scored again after each removal.</summary>
    ZipLM,

    /// <summary>‖w_S‖² of its columns in the output matrix.</summary>
    Magnitude,

    /// <summary>tr H_SS: the energy of what it feeds into the output matrix.</summary>
    Activation,

    /// <summary>Mean over the samples of the squared gradient of the loss with respect to a mask on the structure (Kwon et al., 2022).</summary>
    Fisher,

    /// <summary>A random number, by the session's seed: what any criterion must beat.</summary>
    Random,
}
