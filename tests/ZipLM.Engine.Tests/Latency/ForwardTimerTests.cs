using System.Runtime.InteropServices;
using Xunit;
using ZipLM.Engine.Compression;
using ZipLM.Engine.Latency;
using ZipLM.Engine.Models;

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
        Assert.Equal(RuntimeChoice.Of(table.Environment), new(InferenceRuntime.OnnxRuntime, precision));
        Assert.Equal(table.DenseMilliseconds, table.Predict(model.Description.Dense.Layers), 1e-9);
        Assert.NotEqual(table.Environment.Fingerprint, (table.Environment with { Runtime = InferenceRuntime.Torch }).Fingerprint);
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

        public void Synchronize()
        {
        }

        public void Dispose()
        {
        }
    }
}
