using TorchSharp;
using Xunit;
using ZipLM.Engine.Models;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Tests.Runtime;

[Collection(AloneCollection.Name)]
public sealed class TorchSessionTests
{
    private readonly RecordingReporter _reporter = new();

    [Fact]
    public void A_session_says_what_it_runs_on()
    {
        var data = TinyBert.Data(3, 1);
        using var session = TorchSession.Connect(new() { Device = "cpu", Threads = SessionFixture.Threads, Seed = 42, Precision = Precision.BFloat16, CalibrationData = data }, _reporter);
        Assert.Equal(("cpu", SessionFixture.Threads, 42, Precision.BFloat16), (session.Device, session.Threads, session.Seed, session.Precision));
        Assert.Same(data, session.CalibrationData);
        Assert.NotEmpty(session.DeviceName);
        Assert.InRange(session.FreeBytes, 1, session.TotalBytes);
        Assert.Empty(session.Models);
        Assert.Equal(0, session.ResidentBytes);
        Assert.False(session.IsDisposed);
        Assert.Empty(_reporter.Warnings);
        Assert.Equal(SessionFixture.Threads, session.Run(torch.get_num_threads, cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Disposing_it_frees_its_models()
    {
        var session = SessionFixture.Connect();
        var model = TinyBert.Model(session);
        Assert.Equal([model], session.Models);
        Assert.Equal(4 * model.Parameters, session.ResidentBytes);
        var parameter = model.Weights(null, CancellationToken.None).Parameters.First().Parameter;

        session.Dispose();
        session.Dispose();
        Assert.True(session.IsDisposed);
        Assert.True(parameter.IsInvalid);
        Assert.Equal(ModelState.Disposed, model.State);
        Assert.False(model.IsResident);
        Assert.Equal(0, session.ResidentBytes);
        Assert.Empty(session.Models);
        var error = Assert.Throws<ZipLMException>(() => session.Run(() => 1, cancellationToken: CancellationToken.None));
        Assert.Equal("ZipLM.SessionDisconnected", error.ErrorId);
    }

    [Fact]
    public void At_work_it_cannot_be_disconnected()
    {
        using var session = SessionFixture.Connect();
        using var model = TinyBert.Model(session);
        using var started = new ManualResetEventSlim();
        using var tried = new ManualResetEventSlim();
        var caller = new Thread(() => session.Run(() =>
        {
            started.Set();
            tried.Wait(CancellationToken.None);
            return 1;
        }, cancellationToken: CancellationToken.None));
        caller.Start();
        started.Wait(TestContext.Current.CancellationToken);
        var error = Assert.Throws<ZipLMException>(session.Dispose);
        tried.Set();
        caller.Join();
        Assert.Equal("ZipLM.SessionBusy", error.ErrorId);
        Assert.False(session.IsDisposed);
        Assert.True(model.IsResident);
        Assert.Equal("ZipLM.SessionBusy", Assert.Throws<ZipLMException>(() => session.Run(
            () =>
            {
                session.Dispose();
                return 1;
            },
            cancellationToken: CancellationToken.None)).ErrorId);
    }

    [Fact]
    public void Disposing_a_model_does_not_take_its_weights_from_the_work_that_uses_them()
    {
        using var session = SessionFixture.Connect();
        var model = TinyBert.Model(session);
        var parameter = model.Weights(null, CancellationToken.None).Parameters.First().Parameter;
        using var started = new ManualResetEventSlim();
        using var disposed = new ManualResetEventSlim();
        var whole = false;
        var caller = new Thread(() => session.Run(() =>
        {
            started.Set();
            disposed.Wait(CancellationToken.None);
            return whole = !parameter.IsInvalid;
        }, cancellationToken: CancellationToken.None));
        caller.Start();
        started.Wait(TestContext.Current.CancellationToken);
        model.Dispose();
        Assert.False(model.IsResident);
        Assert.Equal(ModelState.Disposed, model.State);
        disposed.Set();
        caller.Join();
        Assert.True(whole);
        session.Run(() => true, cancellationToken: CancellationToken.None);
        Assert.True(parameter.IsInvalid);
        Assert.Equal(0, session.ResidentBytes);
    }

    /// <summary>A view or a completer asks from the prompt's thread what the worker is just freeing.</summary>
    [Fact]
    public void Any_thread_may_ask_for_the_models_while_they_are_freed()
    {
        using var session = SessionFixture.Connect();
        using var done = new CancellationTokenSource();
        Exception? failure = null;
        var asked = new Thread(() =>
        {
            while (!done.IsCancellationRequested)
            {
                failure ??= Record.Exception(() => Assert.InRange(session.ResidentBytes + session.Models.Count, 0, 1_000_000));
            }
        });
        asked.Start();
        for (var i = 0; i < 200; i++)
        {
            TinyBert.Model(session, i).Dispose();
        }

        done.Cancel();
        asked.Join();
        Assert.Null(failure);
    }

    [Fact]
    public void Runs_may_be_nested()
    {
        using var session = SessionFixture.Connect();
        // One that waits for itself is stopped, so that this test fails and does not hang.
        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        Assert.Equal(3, session.Run(() => session.Run(() => 2, cancellationToken: stop.Token) + 1, cancellationToken: stop.Token));
    }

    [Fact]
    public void Two_sessions_take_turns_and_say_so()
    {
        using var one = SessionFixture.Connect();
        using var two = SessionFixture.Connect();
        Assert.NotEqual(one.Id, two.Id);
        using var started = new ManualResetEventSlim();
        var (running, overlap) = (0, 0);
        var caller = new Thread(() => one.Run(() =>
        {
            running++;
            started.Set();
            SpinWait.SpinUntil(() => _reporter.VerboseMessages.Any(m => m.StartsWith("Waiting", StringComparison.Ordinal)), TimeSpan.FromMinutes(1));
            return running--;
        }, cancellationToken: CancellationToken.None));
        caller.Start();
        started.Wait(TestContext.Current.CancellationToken);
        two.Run(() => overlap = running, _reporter, CancellationToken.None);
        caller.Join();
        Assert.Equal(0, overlap);
        Assert.Contains(_reporter.VerboseMessages, m => m.StartsWith("Waiting", StringComparison.Ordinal));
    }

    [Fact]
    public void Waiting_for_a_turn_ends_when_asked()
    {
        using var one = SessionFixture.Connect();
        using var two = SessionFixture.Connect();
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(30));
        one.Run(() =>
        {
            Assert.Throws<OperationCanceledException>(() => two.Run(() => 1, _reporter, stop.Token));
            return 1;
        }, cancellationToken: CancellationToken.None);
        Assert.Equal(2, two.Run(() => 2, cancellationToken: CancellationToken.None));
    }

    [Fact]
    public void A_second_session_with_other_threads_is_refused_until_the_first_has_gone()
    {
        var other = new SessionOptions { Device = "cpu", Threads = SessionFixture.Threads + 1 };
        using (SessionFixture.Connect())
        {
            var error = Assert.Throws<ZipLMException>(() => TorchSession.Connect(other, _reporter));
            Assert.Equal("ZipLM.SessionThreadsConflict", error.ErrorId);
            Assert.Contains($"{SessionFixture.Threads} thread", error.Message, StringComparison.Ordinal);
            Assert.Contains($"-Threads {SessionFixture.Threads}", error.Remedy, StringComparison.Ordinal);
        }

        using (var session = TorchSession.Connect(other, _reporter))
        {
            Assert.Equal(SessionFixture.Threads + 1, session.Run(torch.get_num_threads, cancellationToken: TestContext.Current.CancellationToken));
        }

        SessionFixture.Connect().Dispose();
    }

    [Fact]
    public void Models_with_a_file_are_evicted_least_recently_used_first_but_none_of_the_present_run()
    {
        using var session = SessionFixture.Connect();
        using var folder = new ModelFolder();
        using var unsaved = TinyBert.Model(session);
        folder.Write(unsaved);
        using var kept = TinyBert.Model(session, 2);
        using var first = folder.Open(session);
        using var second = folder.Open(session);
        using var present = folder.Open(session);
        Use(second);
        Use(first);
        unsaved.Dispose();
        session.Run(() =>
        {
            _ = present.Weights(null, CancellationToken.None);
            session.MakeRoom(long.MaxValue / 2, _reporter);
            return true;
        }, cancellationToken: CancellationToken.None);
        Assert.True(kept.IsResident);
        Assert.True(present.IsResident);
        Assert.False(first.IsResident || second.IsResident);
        var freed = _reporter.VerboseMessages.Where(m => m.StartsWith("Freeing", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, freed.Count);

        // What was evicted is read again when it is used.
        Use(first);
        Assert.True(first.IsResident);

        void Use(TransformerModel model) => session.Run(() => model.Weights(null, CancellationToken.None), cancellationToken: CancellationToken.None);
    }

    /// <summary>Torch keeps what is freed for itself, so the device's own figure does not rise: each eviction counts with its bytes.</summary>
    [Theory]
    [InlineData(0, 2)]
    [InlineData(0.5, 1)]
    [InlineData(2, 0)]
    public void Only_as_many_models_are_evicted_as_it_takes(double free, int evicted)
    {
        using var session = SessionFixture.Connect();
        using var folder = new ModelFolder();
        using (var unsaved = TinyBert.Model(session))
        {
            folder.Write(unsaved);
        }

        var models = Enumerable.Range(0, 3).Select(_ => folder.Open(session)).ToList();
        var bytes = models.Select(m => session.Run(() => m.Weights(null, CancellationToken.None).Bytes, cancellationToken: CancellationToken.None)).ToList()[0];
        session.Run(() =>
        {
            // Room is made for a quarter more than is asked for.
            session.MakeRoom(bytes, (long)(bytes * free), _reporter);
            return true;
        }, cancellationToken: CancellationToken.None);
        Assert.Equal(evicted, models.Count(m => !m.IsResident));
        models.ForEach(m => m.Dispose());
    }

    /// <summary>However another model came to lie where this one did: its weights are never used under this one's name.</summary>
    [Fact]
    public void A_model_whose_directory_was_overwritten_keeps_its_weights_or_says_that_they_are_gone()
    {
        using var session = SessionFixture.Connect();
        using var folder = new ModelFolder();
        using var saved = TinyBert.Model(session, 3);
        using var another = TinyBert.Model(session, 4);
        folder.Write(saved);
        using var read = folder.Open(session);
        using var unread = folder.Open(session);
        var weights = Use(read);
        folder.Write(another);

        Evict();
        Assert.Equal([ModelState.NotSaved, ModelState.NotSaved, ModelState.Saved], new[] { saved, read, another }.Select(m => m.State));
        Assert.Null(read.Path);
        Assert.Same(weights, Use(read));
        Assert.False(another.IsResident);
        Use(another);
        foreach (var use in new Action[] { () => Use(unread), () => _ = unread.Tokenizer, () => _ = read.Tokenizer })
        {
            var error = Assert.Throws<ZipLMException>(use);
            Assert.Equal("ZipLM.ModelFilesChanged", error.ErrorId);
            Assert.Contains(folder.Path, error.Message, StringComparison.Ordinal);
        }

        // Over its own files a model stays what it is.
        folder.Write(another);
        Evict();
        Assert.False(another.IsResident);
        Use(another);

        Transformer Use(TransformerModel model) => session.Run(() => model.Weights(null, CancellationToken.None), cancellationToken: CancellationToken.None);
        void Evict() => session.Run(() =>
        {
            session.MakeRoom(long.MaxValue / 2, _reporter);
            return true;
        }, cancellationToken: CancellationToken.None);
    }

    [Fact]
    public void Nothing_is_evicted_while_there_is_room()
    {
        using var session = SessionFixture.Connect();
        using var folder = new ModelFolder();
        using var model = TinyBert.Model(session);
        folder.Write(model);
        session.Run(() =>
        {
            session.MakeRoom(1000, _reporter);
            return true;
        }, cancellationToken: CancellationToken.None);
        Assert.True(model.IsResident);
    }

    [Theory]
    [InlineData("cuda")]
    [InlineData("cuda:0")]
    [InlineData("CUDA:3")]
    public void Without_CUDA_a_CUDA_device_is_refused_and_not_replaced(string device)
    {
        Assert.SkipWhen(NativeLibraries.HasCuda, "This build has CUDA.");
        var error = Assert.Throws<ZipLMException>(() => TorchSession.Connect(new() { Device = device, Threads = SessionFixture.Threads }, _reporter));
        Assert.Equal("ZipLM.DeviceUnavailable", error.ErrorId);
        Assert.Equal(ErrorKind.ResourceUnavailable, error.Kind);
        Assert.Contains(device, error.Message, StringComparison.Ordinal);
        Assert.Equal(device, error.Target);
    }

    [Theory]
    [InlineData("gpu7")]
    [InlineData("cuda:")]
    [InlineData("cuda:x")]
    [InlineData("cuda:-1")]
    [InlineData("cpu:0")]
    [InlineData("")]
    public void A_device_that_there_is_not_is_refused(string device)
    {
        var error = Assert.Throws<ZipLMException>(() => TorchSession.Connect(new() { Device = device, Threads = SessionFixture.Threads }, _reporter));
        Assert.Equal("ZipLM.DeviceUnknown", error.ErrorId);
        Assert.Contains($"'{device}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Auto_takes_the_processor_with_one_warning_where_there_is_no_CUDA()
    {
        Assert.SkipWhen(NativeLibraries.HasCuda, "This build has CUDA.");
        using var session = TorchSession.Connect(new() { Threads = SessionFixture.Threads }, _reporter);
        Assert.Equal("cpu", session.Device);
        Assert.Contains("CUDA", Assert.Single(_reporter.Warnings), StringComparison.Ordinal);
    }
}
