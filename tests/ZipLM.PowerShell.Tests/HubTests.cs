using System.Management.Automation;
using Parquet;
using Parquet.Schema;
using Xunit;
using ZipLM.Engine.Tests.Storage;

namespace ZipLM.PowerShell.Tests;

/// <summary>Models and data sets of a hub on this machine, as a user asks for them.</summary>
[Collection(TinyStoreCollection.Name)]
public sealed class HubTests : IDisposable
{
    private const string Token = "hf_thisMustNeverBeSeen";

    private readonly TinyStore _store;
    private readonly FakeHub _hub = new();
    private readonly (string Name, string? Value)[] _before;

    public HubTests(TinyStore store)
    {
        _store = store;
        _before = [.. new[] { "HF_ENDPOINT", "HF_HUB_OFFLINE" }.Select(name => (name, Environment.GetEnvironmentVariable(name)))];
        Environment.SetEnvironmentVariable("HF_ENDPOINT", _hub.Address);
        Environment.SetEnvironmentVariable("HF_HUB_OFFLINE", null);
        _hub.Add("models/acme/tiny", [.. Directory.GetFiles(store.BertFolder).Select(file => (Path.GetFileName(file), File.ReadAllBytes(file)))]);
    }

    public void Dispose()
    {
        foreach ((string name, string? value) in _before)
            Environment.SetEnvironmentVariable(name, value);
        _hub.Dispose();
        foreach (string folder in Directory.GetDirectories(_store.PathOf("HF_HUB_CACHE")))
            Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void AModelOfTheHubWorksLikeAnyOtherAndTheTokenIsNeverShown()
    {
        Outcome outcome = _store.Session.Invoke($$"""
            $token = [pscredential]::new('any', [System.Net.NetworkCredential]::new('', '{{Token}}').SecurePassword)
            'acme/none', 'acme/tiny' | Get-Model -Credential $token -Verbose -OutVariable model
            $model[0] | Measure-Model -Data $dev -Rounds 3
            """);
        ErrorRecord error = Assert.Single(outcome.Errors);
        Assert.Equal("ZipLM.ModelNotFound", error.FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal("acme/none", error.TargetObject);
        Assert.Equal(["acme/tiny", "acme/tiny"], outcome.Output.Select(item => item.Properties["Name"]?.Value ?? item.Properties["Model"].Value));
        Assert.Contains(outcome.Verbose, text => text.Contains("model.safetensors", StringComparison.Ordinal));
        Assert.Contains(_hub.Requests, request => request.Authorization == $"Bearer {Token}");
        Assert.DoesNotContain(outcome.Verbose.Concat(outcome.Warnings).Append(error.ToString()).Append(error.Exception.ToString()), text => text.Contains(Token, StringComparison.Ordinal));
        Assert.Contains("acme/tiny", _store.Session.Run("[System.Management.Automation.CommandCompletion]::CompleteInput('Get-Model acme', 14, $null).CompletionMatches.CompletionText").Select(text => $"{text}"));
    }

    /// <summary>A recipe's model is found as Get-Model finds it: said by -WhatIf, downloaded by the run.</summary>
    [Fact]
    public void AModelOfARecipeIsDownloadedWhenTheRunStarts()
    {
        string folder = Directory.CreateDirectory(_store.PathOf($"hub-recipe-{Guid.NewGuid():N}")).FullName;
        string recipe = Path.Combine(folder, "tiny.yaml");
        _store.Session.Run($"Get-Model bert | New-CompressionRecipe '{recipe}' -Target 900 -TrainingData $train -ValidationData $dev");
        string text = File.ReadAllText(recipe);
        text = text[..text.IndexOf("# Without this section", StringComparison.Ordinal)] + "latency: {rounds: 3}\n";
        File.WriteAllText(recipe, System.Text.RegularExpressions.Regex.Replace(text, "(?m)^model: .*$", "model: acme/tiny"));

        Outcome shown = _store.Session.Invoke($"Invoke-CompressionRecipe '{recipe}' -RunDirectory '{folder}/run' -WhatIf");
        Assert.Empty(shown.Errors);
        Assert.DoesNotContain(_hub.Requests, request => request.Path.EndsWith(".safetensors", StringComparison.Ordinal));

        // The table is measured, and by it the target is out of reach: so far the model has come.
        Outcome ran = _store.Session.Invoke($"Invoke-CompressionRecipe '{recipe}' -RunDirectory '{folder}/run'");
        Assert.StartsWith("ZipLM.SpeedupUnreachable,", Assert.Single(ran.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Contains(_hub.Requests, request => request.Path.EndsWith(".safetensors", StringComparison.Ordinal));
    }

    [Fact]
    public async Task ASplitOfTheHubIsRead()
    {
        _hub.Add("datasets/acme/glue", ("sst2/train-00000-of-00002.parquet", await Parquet(["good", "bad"])), ("sst2/train-00001-of-00002.parquet", await Parquet(["fair"])));
        PSObject first = Assert.Single(_store.Session.Run("Import-TextDataset acme/glue -Subset sst2 | Select-First"));
        Assert.Equal("glue-sst2-train", first.Properties["Name"].Value);
        Assert.Equal(2, first.Properties["Count"].Value);
        Assert.Single(_hub.Downloads);
        Assert.Equal(2, _store.Session.Run("Import-TextDataset acme/glue").Count);

        ErrorRecord error = Assert.Single(_store.Session.Invoke("Import-TextDataset acme/glue -Split dev").Errors);
        Assert.Equal("ZipLM.HubDatasetPartUnknown", error.FullyQualifiedErrorId.Split(',')[0]);
        error = Assert.Single(_store.Session.Invoke("Import-TextDataset acme/none").Errors);
        Assert.Equal(("ZipLM.DatasetNotFound", "acme/none"), (error.FullyQualifiedErrorId.Split(',')[0], error.TargetObject));
        error = Assert.Single(_store.Session.Invoke("Import-TextDataset none/train.tsv").Errors);
        Assert.Equal("ZipLM.PathNotFound", error.FullyQualifiedErrorId.Split(',')[0]);
    }

    [Fact]
    public void CtrlCEndsADownloadWithinTwoSeconds()
    {
        using var release = new ManualResetEventSlim();
        bool stalled = false;
        _hub.Instead = (context, request) =>
        {
            if (request.Host == _hub.Address)
                return false;
            context.Response.ContentLength64 = 1 << 20;
            context.Response.OutputStream.Write(new byte[100]);
            context.Response.OutputStream.Flush();
            Volatile.Write(ref stalled, true);
            release.Wait(TimeSpan.FromMinutes(1), CancellationToken.None);
            context.Response.Abort();
            return true;
        };
        (PSInvocationState state, TimeSpan time) = _store.Session.Interrupt("Get-Model acme/tiny", _ => Volatile.Read(ref stalled));
        release.Set();
        Assert.Equal(PSInvocationState.Stopped, state);
        Assert.InRange(time, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    private static async Task<byte[]> Parquet(string[] rows)
    {
        var text = new DataField<string>("sentence");
        using var file = new MemoryStream();
        await using (var writer = await ParquetWriter.CreateAsync(new ParquetSchema(text), file, cancellationToken: TestContext.Current.CancellationToken))
        {
            using var group = writer.CreateRowGroup();
            await group.WriteAsync(text, rows);
            group.CompleteValidate();
        }

        return file.ToArray();
    }
}
