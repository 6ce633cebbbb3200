using ZipLM.Engine.Models;

namespace ZipLM.Engine.Compression;

/// <summary>Two models that work together must be of one session: its device, its thread, its number format.</summary>
internal static class SameSession
{
    /// <summary>Refuses a model of another session.</summary>
    /// <param name="parameter">The parameter that <paramref name="other"/> was given with.</param>
    /// <exception cref="ZipLMException"><c>SessionMismatch</c>.</exception>
    public static void Require(TransformerModel model, Model? other, string parameter)
    {
        if (other is not null && TransformerModel.Of(other).Session is var session && session != model.Session)
        {
            throw new ZipLMException("SessionMismatch", ErrorKind.InvalidArgument,
                $"The {parameter} '{other.Name}' belongs to {session}, but '{model.Name}' to {model.Session}.",
                "Get both models in one session: Get-Model … -Session $session.", other);
        }
    }
}
