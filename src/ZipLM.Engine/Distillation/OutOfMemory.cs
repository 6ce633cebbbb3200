namespace ZipLM.Engine.Distillation;

/// <summary>Recognises that memory ran out. Torch has no error of its own for the host, so its words tell.</summary>
internal static class OutOfMemory
{
    private static readonly string[] Words = ["out of memory", "not enough memory", "can't allocate memory", "CUDA_ERROR_OUT_OF_MEMORY"];

    public static bool Is(Exception e) => e is OutOfMemoryException
        || Words.Any(w => e.Message.Contains(w, StringComparison.OrdinalIgnoreCase));
}
