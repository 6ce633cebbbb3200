using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Xml.Linq;
using ZipLM.HelpWriter;

// Writes the help of a binary module: its commands as PowerShell itself sees them, in the words of their XML documentation.
if (args is not [var module, var target])
{
    Console.Error.WriteLine("Usage: ZipLM.HelpWriter MODULE.dll HELP.xml");
    return 2;
}

using Runspace runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
runspace.Open();
using var shell = PowerShell.Create(runspace);
shell.AddCommand("Import-Module").AddParameter("Name", Path.GetFullPath(module)).AddParameter("PassThru").AddParameter("ErrorAction", "Stop");
var imported = (PSModuleInfo)(await shell.InvokeAsync()).Single().BaseObject;

var docs = XmlDocs.Load(Path.ChangeExtension(module, ".xml"));
var help = new XElement(Maml.None + "helpItems", new XAttribute("schema", "maml"), Maml.Prefixes);
foreach (CmdletInfo command in imported.ExportedCmdlets.Values.OrderBy(command => command.Name, StringComparer.Ordinal))
    help.Add(new CommandHelp(command, docs).Write());

foreach (string missing in docs.Missing)
    Console.Error.WriteLine($"{Path.GetFileName(module)} : error HELP001 : {missing}");
if (docs.Missing.Count > 0)
    return 1;

Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(target))!);
help.Save(target);
return 0;
