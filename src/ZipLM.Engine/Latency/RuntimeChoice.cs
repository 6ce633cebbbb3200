namespace ZipLM.Engine.Latency;

/// <summary>Which runtime executes a model when it is measured, in which number format, and on how many threads.</summary>
/// <param name="Runtime">The program.</param>
/// <param name="Precision">The number format; null = the session's in torch, single precision in ONNX Runtime.</param>
/// <param name="Threads">CPU threads, ≥ 1; null = the session's.</param>
public sealed record RuntimeChoice(InferenceRuntime Runtime, Precision? Precision = null, int? Threads = null)
{
    /// <summary>Torch, as the session runs it.</summary>
    public static RuntimeChoice Torch { get; } = new(InferenceRuntime.Torch);

    /// <summary>
    /// What a user means who gives a runtime, a precision, threads, or none of them; null = none. Without a runtime it is the
    /// one that was used before, but that only ONNX Runtime computes in 8 bits.
    /// </summary>
    /// <param name="before">Where a table or a pruned model was measured; null = there is none.</param>
    public static RuntimeChoice? From(InferenceRuntime? runtime, Precision? precision, InferenceEnvironment? before, int? threads = null)
    {
        if (runtime is null && precision is null)
        {
            return threads is null ? null : (before is null ? Torch : Of(before)) with { Threads = threads };
        }

        return new(runtime ?? (precision == ZipLM.Precision.Int8 ? InferenceRuntime.OnnxRuntime : before?.Runtime ?? InferenceRuntime.Torch), precision, threads);
    }

    /// <summary>The runtime of an environment.</summary>
    public static RuntimeChoice Of(InferenceEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        // Torch computes in the session's precision whatever a table says; that they differ is found when environments are compared.
        // More threads than there are processors are another machine's, which is found then, too.
        return new(
            environment.Runtime, environment.Runtime == InferenceRuntime.Torch ? null : environment.Precision,
            environment.Threads <= Environment.ProcessorCount ? environment.Threads : null);
    }

    /// <summary>Refuses what no session could run.</summary>
    /// <exception cref="ZipLMException">The runtime is unknown, or does not compute in this precision.</exception>
    public void Require()
    {
        if (!Enum.IsDefined(Runtime))
        {
            throw new ZipLMException("RuntimeUnknown", ErrorKind.InvalidArgument,
                $"There is no runtime {Runtime}.", $"Use -Runtime {string.Join(" or ", Enum.GetNames<InferenceRuntime>())}.", Runtime);
        }

        if (Runtime == InferenceRuntime.OnnxRuntime && Precision == ZipLM.Precision.BFloat16)
        {
            throw new ZipLMException("RuntimePrecision", ErrorKind.InvalidArgument,
                "ONNX Runtime does not compute in BFloat16 here.", "Use -Precision Float32 or Int8, or -Runtime Torch.", Precision);
        }

        if (Runtime == InferenceRuntime.Torch && Precision == ZipLM.Precision.Int8)
        {
            throw new ZipLMException("RuntimePrecision", ErrorKind.InvalidArgument,
                "Torch does not compute in Int8 here.", "Use -Runtime OnnxRuntime -Precision Int8.", Precision);
        }
    }
}
