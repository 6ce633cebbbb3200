using System.Management.Automation;
using System.Xml.Linq;
using Xunit;

namespace ZipLM.PowerShell.Tests;

[Collection(TinyStoreCollection.Name)]
public sealed class ReportTests(TinyStore store)
{
    [Fact]
    public void WhatThePipelineGivesBecomesOnePage()
    {
        string path = store.PathOf("report.html");
        PSObject file = Assert.Single(store.Session.Run($$"""
            $bert = Get-Model bert
            $metrics = $bert | Start-ModelTraining -TrainingData $train -ValidationData $dev -Epochs 1 -InformationAction Ignore -InformationVariable told | Receive-Job -Wait -AutoRemoveJob -InformationVariable told -InformationAction SilentlyContinue
            $measured = $bert | Measure-Model -Data $dev -Baseline $bert -Rounds 3
            $table = $bert | Measure-LayerLatency -Rounds 3
            @($measured) + $bert + $table + $told.MessageData | New-CompressionReport '{{path}}' -Title 'A title' -PassThru
            """));
        Assert.Equal(path, ((FileInfo)file.BaseObject).FullName);
        string html = File.ReadAllText(path);
        XElement page = XElement.Parse(html[html.IndexOf('\n', StringComparison.Ordinal)..]);
        Assert.Equal("A title", page.Descendants("h1").Single().Value);
        Assert.Contains("bert", page.Descendants("th").Select(cell => cell.Value));
        Assert.Equal(["Quality and speed", "What is left of each layer", "Training: training", "Latency table: bert"], page.Descendants("h2").Select(heading => heading.Value));

        ErrorRecord error = Assert.Single(store.Session.Invoke($"Get-Model bert | New-CompressionReport '{path}'").Errors);
        Assert.StartsWith("ZipLM.FileExists,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Empty(store.Session.Run($"Get-Model bert | New-CompressionReport '{path}' -Force"));
    }

    [Fact]
    public void WhatIfWritesNothingAndOtherObjectsAndNothingAreErrors()
    {
        string path = store.PathOf("not-written.html");
        Assert.Empty(store.Session.Invoke($"Get-Model bert | New-CompressionReport '{path}' -WhatIf").Errors);
        Outcome outcome = store.Session.Invoke($"42 | New-CompressionReport '{path}'");
        Assert.Equal(["ZipLM.ReportInputUnknown", "ZipLM.ReportEmpty"], outcome.Errors.Select(error => error.FullyQualifiedErrorId.Split(',')[0]));
        Assert.StartsWith("ZipLM.MetricsNotFound,", Assert.Single(store.Session.Invoke($"New-CompressionReport '{path}' -MetricsPath '{store.Folder}'").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.False(File.Exists(path));
    }
}
