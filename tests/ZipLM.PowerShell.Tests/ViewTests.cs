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
    public void WhatIsPrintedHasUnitsAndSaysWhatIsNotSaved()
    {
        ZiplmProcess result = ZiplmProcess.Run("-Command", """
            # Each by itself: of a mixed lot PowerShell shows the first in its view and the others as plain lists.
            $null = Connect-GpuSession -Device cpu
            $bert = Get-Model bert
            $bert | Out-Default
            $bert | Measure-LayerLatency -Rounds 5 -SequenceLength 16 | Out-Default
            $small = $bert | Invoke-StructuredPrune -Speedup 1.2 -Rounds 5 -CalibrationSamples 64
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
        Assert.Matches(@"(?m)^Model +Metric +Quality +ms +Speedup +Size MB *$", result.Output);
        Assert.Matches(@"(?m)^Resident +: \d+\.\d MB *$", result.Output);
        Assert.Contains("What if: ", result.Output, StringComparison.Ordinal);
    }
}
