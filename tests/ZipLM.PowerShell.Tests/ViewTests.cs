using System.Reflection;
using System.Xml.Linq;
using Xunit;

namespace ZipLM.PowerShell.Tests;

[Collection(TinyStoreCollection.Name)]
public sealed class ViewTests(TinyStore store)
{
    [Fact]
    public void NoTableIsWiderThanSixColumns()
    {
        XDocument views = XDocument.Load(Path.Combine(Path.GetDirectoryName(Built.Manifest)!, "module", "ZipLM.format.ps1xml"));
        Assert.NotEmpty(views.Descendants("TableControl"));
        Assert.All(views.Descendants("TableControl"), table =>
        {
            int columns = table.Descendants("TableColumnHeader").Count();
            Assert.InRange(columns, 1, 6);
            Assert.Equal(columns, table.Descendants("TableColumnItem").Count());
        });
    }

    [Fact]
    public void EveryObjectOfACommandHasAView()
    {
        XDocument views = XDocument.Load(Path.Combine(Path.GetDirectoryName(Built.Manifest)!, "module", "ZipLM.format.ps1xml"));
        string[] seen = [.. views.Descendants("ViewSelectedBy").Descendants("TypeName").Select(type => type.Value)];
        var types = store.Session.Run("Get-Command -Module ZipLM | ForEach-Object { $_.OutputType } | ForEach-Object Name | Where-Object { $_ -like 'ZipLM.*' }").Select(name => $"{name}").Distinct().ToList();
        Assert.NotEmpty(types);
        Assert.All(types, type => Assert.Contains(type, seen));
    }

    [Fact]
    public void ThatThereIsNoCudaIsSaidOnceAndOnlyWhenAModelRuns()
    {
        Assert.Equal("", ZiplmProcess.Run("-Command", "$null = Get-Model bert; $null = Get-GpuSession").Errors);
        string errors = ZiplmProcess.Run("-Command", "$null = Get-Model bert | Measure-Model -Rounds 3; $null = Get-Model bert | Measure-Model -Rounds 3").Errors;
        Assert.SkipUnless(errors.Length > 0, "This machine has CUDA.");
        Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => line.StartsWith("Warning: No CUDA", StringComparison.Ordinal));
    }

    [Fact]
    public void APatternStandsForModelsInTheFolderAndInTheStore()
    {
        string folder = Directory.CreateDirectory(store.PathOf("mixed")).FullName;
        File.WriteAllText(Path.Combine(folder, "notes.txt"), "no model");
        Directory.CreateDirectory(Path.Combine(folder, "pictures"));
        store.CopyOfBert("mixed/better");
        var found = store.Session.Run($$"""
            $paths = $ExecutionContext.SessionState.Path
            $paths.PushCurrentLocation('here')
            try { $null = $paths.SetLocation('{{folder}}'); Get-Model b* | ForEach-Object Name }
            finally { $null = $paths.PopLocation('here') }
            """).Select(name => $"{name}").ToList();
        Assert.Contains("better", found);
        Assert.Contains("bert", found);
    }

    [Fact]
    public void AnObjectAfterOneOfAnotherKindShowsItsMainPropertiesOnly()
    {
        ZiplmProcess result = ZiplmProcess.Run("-Command", """
            $null = Connect-GpuSession -Device cpu
            $bert = Get-Model bert
            $bert
            $bert | Measure-Model -Rounds 3
            Get-GpuSession
            """);
        Assert.Equal(new ZiplmProcess(0, result.Output, ""), result);
        Assert.Matches(@"(?m)^Quality +: ", result.Output);
        Assert.Matches(@"(?m)^DeviceName +: ", result.Output);
        Assert.DoesNotMatch(@"(?m)^(Environment|Loss|Samples|IsDisposed|FreeBytes) +: ", result.Output);
    }

    /// <summary>A name that no object has would show nothing, and say nothing.</summary>
    [Fact]
    public void ThePropertiesToShowExist()
    {
        XDocument types = XDocument.Load(Path.Combine(Path.GetDirectoryName(Built.Manifest)!, "module", "ZipLM.types.ps1xml"));
        Assembly assembly = store.Session.One<Assembly>("[ZipLM.Model].Assembly");
        Assert.All(types.Root!.Elements("Type"), type =>
        {
            Type shown = assembly.GetType(type.Element("Name")!.Value, throwOnError: true)!;
            Assert.All(type.Descendants("ReferencedProperties").Elements("Name"), property => Assert.NotNull(shown.GetProperty(property.Value)));
        });
    }

    [Fact]
    public void WhatIsPrintedHasUnitsAndSaysWhatIsNotSaved()
    {
        ZiplmProcess result = ZiplmProcess.Run("-Command", """
            # Each by itself: of a mixed lot PowerShell shows the first in its view and the others as plain lists.
            $null = Connect-GpuSession -Device cpu -Threads 1
            $bert = Get-Model bert
            $bert | Out-Default
            $bert | Measure-LayerLatency -Rounds 5 -SequenceLength 16 | Out-Default
            $small = $bert | Invoke-StructuredPrune -Speedup 1.2 -LatencyTable ($bert | Measure-LayerLatency -Rounds 20) -Rounds 5 -CalibrationSamples 64
            $small | Out-Default
            $small | Measure-Model -Rounds 3 | Out-Default
            Get-GpuSession | Out-Default
            $small | Export-Model -Name nothing -WhatIf
            """);
        Assert.Equal("", result.Errors);
        Assert.Equal(0, result.ExitCode);
        Assert.Matches(@"(?m)^Name +Parameters +Heads +Widths +Speedup +Saved *$", result.Output);
        // The path may be cut to the width of the table.
        Assert.Matches($@"(?m)^bert +0\.0\d M +4 × 4 +4 × 128 +{System.Text.RegularExpressions.Regex.Escape(store.Folder[..10])}", result.Output);
        Assert.Matches(@"(?m)^Dense +: \d+\.\d+ ms *$", result.Output);
        Assert.Matches(@"(?m)^Levels +: +Heads +Attention ms +Share +Width +Feed-forward ms +Share *$", result.Output);
        Assert.Matches(@"(?m)^ +4 +\d+\.\d{4} +\d+\.\d % +128 +\d+\.\d{4} +\d+\.\d % *$", result.Output);
        Assert.Matches(@"(?m)^Target +: 1\.20× *$", result.Output);
        Assert.Matches(@"(?m)^Predicted +: \d+\.\d\d× *$", result.Output);
        Assert.Matches(@"(?m)^Measured +: \d+\.\d\d× ± \d+\.\d % \(5 rounds\) *$", result.Output);
        Assert.Matches(@"(?m)^Saved +: not saved *$", result.Output);
        Assert.Matches(@"(?m)^Model +Data +Metric +Quality +ms +Speedup *$", result.Output);
        Assert.Matches(@"(?m)^Resident +: \d+\.\d MB *$", result.Output);
        Assert.Contains("What if: ", result.Output, StringComparison.Ordinal);
    }
}
