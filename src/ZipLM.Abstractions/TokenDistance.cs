namespace ZipLM;

/// <summary>How far a token's hidden state is from the teacher's.</summary>
public enum TokenDistance
{
    /// <summary>‖h_student − h_teacher‖₂</summary>
    Euclidean,

    /// <summary>‖h_student − h_teacher‖₂² / ‖h_teacher‖₂²: every layer and every width counts alike.</summary>
    NormalizedSquared,
}
