using System.Globalization;
using System.Xml.Linq;

namespace ZipLM.Engine.Reporting;

/// <summary>Tables of the report; wide ones scroll in a frame of their own, never the page.</summary>
internal static class ReportTable
{
    public static XElement Make(string caption, IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        IReadOnlyList<string>[] all = [.. rows];
        // Words line up on the left, numbers on the right.
        XAttribute? Side(int column) => Array.Exists(all, row => row[column].Any(char.IsAsciiLetter) && row[column] is not "NaN") ? new XAttribute("class", "text") : null;
        return new("div", new XAttribute("class", "scroll"), new XAttribute("tabindex", "0"), new XAttribute("role", "region"), new XAttribute("aria-label", caption),
            new XElement("table",
                new XElement("caption", caption),
                new XElement("thead", new XElement("tr", columns.Select((column, i) => new XElement("th", new XAttribute("scope", "col"), Side(i), column)))),
                new XElement("tbody", all.Select(row => new XElement("tr",
                    row.Select((cell, i) => i == 0 ? new XElement("th", new XAttribute("scope", "row"), cell) : new XElement("td", Side(i), cell)))))));
    }

    /// <summary>A number as it is read best: six digits, no more.</summary>
    public static string Number(double value) => value.ToString("G6", CultureInfo.InvariantCulture);
}
