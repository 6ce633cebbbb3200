using System.Runtime.InteropServices;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;
using ZipLM.Engine.Tests.Models;

namespace ZipLM.Engine.Tests.Latency;

public sealed class ForwardTimerTests(SessionFixture fixture) : IClassFixture<SessionFixture>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Int8)]
    public void A_table_and_a_speedup_of_ONNX_Runtime_say_so(Precision precision)
    {
        using var model = TinyBert.Model(fixture.Session);
        var table = LatencyFlow.Run(model, null, 2, 16, 3, new RecordingReporter(), Token, new(InferenceRuntime.OnnxRuntime, precision));
        Assert.Equal((InferenceRuntime.OnnxRuntime, precision, 2, 16), (table.Environment.Runtime, table.Environment.Precision, table.Environment.BatchSize, table.Environment.SequenceLength));
        Assert.Equal(Engine.Runtime.OnnxSession.Version, table.Environment.RuntimeVersion);
        Assert.Equal(RuntimeChoice.Of(table.Environment), new(InferenceRuntime.OnnxRuntime, precision, SessionFixture.Threads));
        Assert.True(table.DenseMilliseconds > 0);
        Assert.NotEqual(table.Environment.Fingerprint, (table.Environment with { Runtime = InferenceRuntime.Torch }).Fingerprint);
    }

    /// <summary>The stacks of a table are of one kind of sublayer, so half of them have nothing to cache.</summary>
    [Theory]
    [InlineData("gpt2 causal", InferenceRuntime.Torch)]
    [InlineData("llama causal", InferenceRuntime.Torch)]
    [InlineData("gpt2 causal", InferenceRuntime.OnnxRuntime)]
    [InlineData("llama causal", InferenceRuntime.OnnxRuntime)]
    public void A_table_of_generated_texts_says_so(string name, InferenceRuntime runtime)
    {
        using var model = TinyBert.Model(fixture.Session, 8, TinyFamilies.Describe(name));
        // All 32 positions, in the stacks too.
        var table = LatencyFlow.Run(model, null, 2, 28, 3, new RecordingReporter(), Token, new(runtime), generatedTokens: 5);
        Assert.Equal((runtime, 2, 28, 5), (table.Environment.Runtime, table.Environment.BatchSize, table.Environment.SequenceLength, table.Environment.GeneratedTokens));
        Assert.Contains("length 28, 5 generated tokens", table.Environment.ToString(), StringComparison.Ordinal);
        Assert.Equal(table.DenseMilliseconds, table.Predict(model.Description.Dense.Layers), 1e-9);
    }

    /// <summary>A pass writes all of a text: the model has 32 positions, and one token more than fit ends the run.</summary>
    [Theory]
    [InlineData(InferenceRuntime.Torch)]
    [InlineData(InferenceRuntime.OnnxRuntime)]
    public void A_pass_writes_as_many_tokens_as_it_says(InferenceRuntime runtime) => fixture.Run(() =>
    {
        using var model = TinyBert.Create(TinyFamilies.Describe("gpt2 causal"), 8);
        Run(5);
        Assert.ThrowsAny<Exception>(() => Run(6));

        void Run(int tokens)
        {
            using IModelRuntime own = runtime == InferenceRuntime.Torch
                ? new TorchRuntime(fixture.Session, 2, 28, tokens)
                : new OnnxRuntime(fixture.Session, Precision.Float32, 2, 28, isCached: true, tokens);
            using var pass = own.Load(model);
            pass.Run();
        }
    });

    [Fact]
    public void The_default_prompt_leaves_positions_to_what_is_generated()
    {
        using var model = TinyBert.Model(fixture.Session, 9, TinyFamilies.Describe("gpt2 causal"));
        var data = TinyBert.Data(20, 6);
        var whole = LatencyFlow.Run(model, data, 1, null, 2, new RecordingReporter(), Token).Environment;
        var generated = LatencyFlow.Run(model, data, 1, null, 2, new RecordingReporter(), Token, generatedTokens: 25).Environment;
        Assert.True(whole.SequenceLength > 8);
        Assert.Equal((8, 25), (generated.SequenceLength, generated.GeneratedTokens));
    }

    [Theory]
    [InlineData("bert classification", 4, InferenceRuntime.Torch, "GenerationUnsupported")]
    [InlineData("gpt2 classification", 4, InferenceRuntime.Torch, "GenerationUnsupported")]
    [InlineData("gpt2 classification", 4, InferenceRuntime.OnnxRuntime, "GenerationUnsupported")]
    [InlineData("gpt2 causal", 18, InferenceRuntime.Torch, "SequenceTooLong")]
    public void What_cannot_be_generated_is_refused(string name, int tokens, InferenceRuntime runtime, string id)
    {
        using var model = TinyBert.Model(fixture.Session, 10, TinyFamilies.Describe(name));
        var error = Assert.Throws<ZipLMException>(() => LatencyFlow.Run(model, null, 1, 16, 2, new RecordingReporter(), Token, new(runtime), tokens));
        Assert.Equal($"ZipLM.{id}", error.ErrorId);
    }

    /// <summary>A table of one pass keeps the name that it always had.</summary>
    [Fact]
    public void Only_generated_tokens_change_a_fingerprint()
    {
        var environment = new InferenceEnvironment("cpu", "a processor", InferenceRuntime.Torch, Precision.Float32, 1, 128, 2, "2.10.0");
        Assert.Equal("54f15876e051", environment.Fingerprint);
        Assert.Equal("cpu (a processor), Torch 2.10.0, Float32, batch 1, length 128, 2 thread(s)", environment.ToString());
        Assert.DoesNotContain("Generated", System.Text.Json.JsonSerializer.Serialize(environment), StringComparison.Ordinal);
        string[] names = [environment.Fingerprint, (environment with { GeneratedTokens = 1 }).Fingerprint, (environment with { GeneratedTokens = 11 }).Fingerprint];
        Assert.Equal(3, names.Distinct().Count());
    }

    /// <summary>Of one measurement: what else the session does keeps its own.</summary>
    [Theory]
    [InlineData(InferenceRuntime.Torch)]
    [InlineData(InferenceRuntime.OnnxRuntime)]
    public void Threads_are_those_that_are_asked_for(InferenceRuntime runtime)
    {
        using var model = TinyBert.Model(fixture.Session);
        const int Asked = SessionFixture.Threads + 1;
        var table = LatencyFlow.Run(model, null, 1, 16, 3, new RecordingReporter(), Token, new(runtime, Threads: Asked));
        Assert.Equal(Asked, table.Environment.Threads);
        // What is pruned with the table is measured as it was, unless it is of a larger machine.
        Assert.Equal(Environment.ProcessorCount < Asked ? null : Asked, RuntimeChoice.Of(table.Environment).Threads);
        Assert.Null(RuntimeChoice.Of(table.Environment with { Threads = Environment.ProcessorCount + 1 }).Threads);
        fixture.Run(() =>
        {
            using var timer = new ForwardTimer(fixture.Session, model.Description, 1, 16, new(runtime, Threads: Asked));
            var seen = 0;
            using var pass = new ForwardPass(() => seen = TorchSharp.torch.get_num_threads());
            timer.Measure([pass], 3, "measuring", new RecordingReporter(), Token);
            Assert.Equal(runtime == InferenceRuntime.Torch ? Asked : SessionFixture.Threads, seen);
            Assert.Equal(SessionFixture.Threads, TorchSharp.torch.get_num_threads());
        });
    }

    [Fact]
    public void ONNX_Runtime_is_refused_where_the_session_is_not_on_the_CPU()
    {
        var error = Assert.Throws<ZipLMException>(() => OnnxRuntime.RequireCpu("cuda:0"));
        Assert.Equal("ZipLM.RuntimeDevice", error.ErrorId);
        Assert.Contains("cuda:0", error.Message, StringComparison.Ordinal);
        OnnxRuntime.RequireCpu("cpu");
    }

    [Theory]
    [InlineData(InferenceRuntime.Torch, Precision.Int8, "RuntimePrecision")]
    [InlineData(InferenceRuntime.Torch, Precision.BFloat16, "RuntimePrecision")]
    [InlineData(InferenceRuntime.OnnxRuntime, Precision.BFloat16, "RuntimePrecision")]
    [InlineData((InferenceRuntime)7, null, "RuntimeUnknown")]
    public void What_a_runtime_does_not_compute_is_refused(InferenceRuntime runtime, Precision? precision, string id)
    {
        using var model = TinyBert.Model(fixture.Session);
        Assert.Equal($"ZipLM.{id}", Assert.Throws<ZipLMException>(() => LatencyFlow.Run(model, null, 1, 16, 3, new RecordingReporter(), Token, new(runtime, precision))).ErrorId);
    }

    [Theory]
    [InlineData(null, null, InferenceRuntime.OnnxRuntime, null)]
    [InlineData(null, Precision.Float32, InferenceRuntime.OnnxRuntime, InferenceRuntime.OnnxRuntime)]
    [InlineData(null, Precision.Float32, null, InferenceRuntime.Torch)]
    [InlineData(null, Precision.Int8, InferenceRuntime.Torch, InferenceRuntime.OnnxRuntime)]
    [InlineData(InferenceRuntime.Torch, Precision.Float32, InferenceRuntime.OnnxRuntime, InferenceRuntime.Torch)]
    public void A_precision_alone_means_the_runtime_that_was_used_before(InferenceRuntime? runtime, Precision? precision, InferenceRuntime? before, InferenceRuntime? expected)
    {
        var environment = before is { } b ? new InferenceEnvironment("cpu", "", b, Precision.Float32, 1, 1, 1, "0") : null;
        Assert.Equal(expected is { } e ? new RuntimeChoice(e, precision) : null, RuntimeChoice.From(runtime, precision, environment));
    }

    [Theory]
    [InlineData(0, 16)]
    [InlineData(1, 0)]
    public void A_batch_of_nothing_is_refused(int batch, int length)
    {
        using var model = TinyBert.Model(fixture.Session);
        Assert.Equal("ZipLM.BatchShapeInvalid", Assert.Throws<ZipLMException>(() => LatencyFlow.Run(model, null, batch, length, 3, new RecordingReporter(), Token)).ErrorId);
    }

    [Theory]
    [InlineData("CUDA error: unspecified launch failure\nmore", "ZipLM.DeviceLost")]
    [InlineData("CUDA out of memory", null)]
    public void A_device_that_is_lost_in_mid_measurement_is_one_error(string message, string? id)
    {
        var runs = 0;
        using var timer = new ForwardTimer(new FailingRuntime());
        using var pass = new ForwardPass(() => { if (++runs == 5) { throw new ExternalException(message); } });
        var error = Assert.ThrowsAny<Exception>(() => timer.Measure([pass], 10, "measuring", new RecordingReporter(), Token));
        Assert.Equal(id, (error as ZipLMException)?.ErrorId);
        Assert.DoesNotContain("more", id is null ? "" : error.Message, StringComparison.Ordinal);
    }

    private sealed class FailingRuntime : IModelRuntime
    {
        public InferenceEnvironment Environment { get; } = new("cuda:99", "none", InferenceRuntime.Torch, Precision.Float32, 1, 1, 1, "0");

        public ForwardPass Load(Transformer model, bool owned = false) => throw new NotSupportedException();

        public IDisposable Begin() => new MemoryStream();

        public void Synchronize()
        {
        }

        public void Dispose()
        {
        }
    }
}
