namespace ZipLM.Engine.Runtime;

/// <summary>Recognises that memory ran out. Torch has no error of its own for the host, so its words tell; CUDA's libraries have their own.</summary>
public static class OutOfMemory
{
    private static readonly string[] Words =
        ["out of memory", "not enough memory", "allocate memory", "CUDA_ERROR_OUT_OF_MEMORY", "STATUS_ALLOC_FAILED"];

    public static bool Is(Exception exception) => exception is OutOfMemoryException
        || Words.Any(w => exception.Message.Contains(w, StringComparison.OrdinalIgnoreCase));
}
