using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Xunit;
using ZipLM.Engine.Tests.Storage;

namespace ZipLM.Engine.Tests.Reporting;

/// <summary>The report in a real browser, where there is one; the pictures stay in <c>screenshots</c> beside the tests' program.</summary>
public sealed class ReportInBrowserTests(SessionFixture fixture) : IClassFixture<SessionFixture>, IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1280, false)]
    [InlineData(390, true)]
    public void The_page_opens_without_an_error(int width, bool isDark)
    {
        var page = _folder["report.html"];
        using (var model = TinyBert.Model(fixture.Session, 95))
        {
            CompressionReportTests.Report(model).Write(page);
        }

        var (console, png) = Open(page, width, isDark);
        Assert.Empty(console);
        Assert.Equal(width, BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(16)));
        // An empty page of that size has a few kB.
        Assert.InRange(png.Length, 50_000, int.MaxValue);
    }

    [Fact]
    public void An_error_would_be_seen()
    {
        var page = _folder["broken.html"];
        File.WriteAllText(page, "<!DOCTYPE html><title>broken</title><script>throw new Error('on purpose')</script>");
        Assert.Contains("on purpose", Assert.Single(Open(page, 500, false).Console), StringComparison.Ordinal);
    }

    /// <returns>What the browser's console says, and the picture.</returns>
    private (List<string> Console, byte[] Png) Open(string page, int width, bool isDark)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/chromium"), "chromium is not installed (apt-get install chromium).");
        var pictures = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "screenshots"));
        var picture = Path.Combine(pictures.FullName, string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileNameWithoutExtension(page)}-{width}{(isDark ? "-dark" : "")}.png"));
        File.Delete(picture);
        // A window is not as narrow as a phone, a frame within one is.
        var frame = _folder["frame.html"];
        File.WriteAllText(frame, $"<!DOCTYPE html><meta charset=\"utf-8\"><title>frame</title><style>html,body{{margin:0;color-scheme:light dark}}iframe{{border:0;width:{width}px;height:3600px}}</style><iframe src=\"{Path.GetFileName(page)}\"></iframe>");
        using var browser = Process.Start(new ProcessStartInfo("/usr/bin/chromium",
        [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", $"--user-data-dir={_folder["browser"]}",
            $"--blink-settings=preferredColorScheme={(isDark ? 0 : 1)}", $"--window-size={width},3600", $"--screenshot={picture}", "file://" + frame,
        ]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        browser.OutputDataReceived += (_, _) => { };
        browser.BeginOutputReadLine();
        var log = browser.StandardError.ReadToEnd();
        browser.WaitForExit();
        Assert.True(File.Exists(picture), log);
        return ([.. log.Split('\n').Where(line => line.Contains(":CONSOLE", StringComparison.Ordinal))], File.ReadAllBytes(picture));
    }
}
