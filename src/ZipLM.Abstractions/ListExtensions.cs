using System.Collections.ObjectModel;

namespace ZipLM;

internal static class ListExtensions
{
    /// <summary>
    /// The list in a public type. What the compiler makes of a collection expression is not public: PowerShell lists its
    /// elements, but <c>$list[0]</c> gives nothing.
    /// </summary>
    public static IReadOnlyList<T> Indexable<T>(this IReadOnlyList<T> list) => list.GetType().IsVisible ? list : new ReadOnlyCollection<T>([.. list]);
}
