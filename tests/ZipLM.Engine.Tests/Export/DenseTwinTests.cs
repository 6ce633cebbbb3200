using Xunit;
using ZipLM.Engine.Export;
using ZipLM.Engine.Models;
using ZipLM.Engine.Tests.Models;
using static TorchSharp.torch;

namespace ZipLM.Engine.Tests.Export;

/// <summary>The zero-padded twin, read back as the dense model that it is to everyone.</summary>
public sealed class DenseTwinTests(SessionFixture fixture) : IClassFixture<SessionFixture>, IDisposable
{
    private readonly ModelFolder _folder = new();

    public static TheoryData<string> Names => TinyFamilies.Names;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void The_twin_is_dense_and_answers_the_same(string name)
    {
        foreach (var shapes in new[] { "1/7 2/24", "2/0 0/5", "0/0 0/0" })
        {
            using var pruned = TinyBert.Model(fixture.Session, 84, TinyFamilies.Describe(name, shapes));
            HuggingFaceExport.WriteDense(pruned, _folder.Path, replace: true, new RecordingReporter(), TestContext.Current.CancellationToken);
            Assert.Equal(ModelState.NotSaved, pruned.State);
            Assert.False(File.Exists(_folder.File("modeling_ziplm.py")));
            // As others read it: without what is ours.
            File.Delete(_folder.File("ziplm.json"));
            using var twin = _folder.Open(fixture.Session);
            Assert.Equal(TinyFamilies.Describe(name).Layers, twin.Layers);
            fixture.Run(() =>
            {
                using var batch = TinyBert.Batch(TinyBert.Encode(TinyBert.Data(9, 85)));
                var (expected, actual) = (Output(pruned), Output(twin));
                TinyBert.AssertTensorsClose(expected.LastHidden[batch.Mask], actual.LastHidden[batch.Mask], 1e-5);
                if (expected.Logits is { } logits)
                {
                    TinyBert.AssertTensorsClose(Real(logits), Real(actual.Logits!), 1e-5);
                }

                ModelOutput Output(TransformerModel model) => model.Weights(null, CancellationToken.None).Forward(batch, new() { Head = true });

                Tensor Real(Tensor answer) => answer.dim() == 3 ? answer[batch.Mask] : answer;
            });
        }
    }

    [Fact]
    public void The_twin_never_replaces_the_model_itself()
    {
        using var pruned = TinyBert.Model(fixture.Session, 86, TinyBert.Describe([(1, 7), (2, 24)]));
        _folder.Write(pruned);
        var error = Assert.Throws<ZipLMException>(() => HuggingFaceExport.WriteDense(pruned, _folder.Path, replace: true, new RecordingReporter(), CancellationToken.None));
        Assert.Equal("ZipLM.ExportTargetIsSource", error.ErrorId);
        using var again = _folder.Open(fixture.Session);
        Assert.Equal(pruned.Layers, again.Layers);
    }
}
