using System.Globalization;
using System.Xml.Linq;

namespace ZipLM.Engine.Reporting;

/// <summary>Tables of the report; wide ones scroll in a frame of their own, never the page.</summary>
internal static class ReportTable
{
    public static XElement Make(string caption, IEnumerable<string> columns, IEnumerable<IReadOnlyList<string>> rows) =>
        new("div", new XAttribute("class", "scroll"), new XAttribute("tabindex", "0"), new XAttribute("role", "region"), new XAttribute("aria-label", caption),
            new XElement("table",
                new XElement("caption", caption),
                new XElement("thead", new XElement("tr", columns.Select(column => new XElement("th", new XAttribute("scope", "col"), column)))),
                new XElement("tbody", rows.Select(row => new XElement("tr",
                    row.Select((cell, i) => i == 0 ? new XElement("th", new XAttribute("scope", "row"), cell) : new XElement("td", cell)))))));

    /// <summary>A number as it is read best: six digits, no more.</summary>
    public static string Number(double value) => value.ToString("G6", CultureInfo.InvariantCulture);
}
