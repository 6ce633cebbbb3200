using System.Globalization;
using System.Text;

namespace ZipLM.PowerShell.Tests;

/// <summary>
/// A model store with one tiny BERT, <c>bert</c>: made, trained a few steps and exported by the commands themselves, on
/// made-up text whose topic is told by its words.
/// </summary>
public sealed class TinyStore : IDisposable
{
    private static readonly string[][] Topics =
    [
        ["apple", "pear", "plum", "cherry", "melon"],
        ["hammer", "saw", "drill", "chisel", "wrench"],
        ["otter", "heron", "badger", "lynx", "stork"],
    ];

    private static readonly string[] Fillers = ["the", "a", "one", "old", "new", "big", "small", "is", "was", "here", "there", "near"];

    private readonly (string Name, string? Value)[] _before;

    public TinyStore()
    {
        Folder = Directory.CreateTempSubdirectory("ziplm-commands-").FullName;
        // Of this process, and so of every program that it starts.
        string[] variables = ["ZIPLM_HOME", "HF_HUB_CACHE"];
        _before = [.. variables.Select(name => (name, Environment.GetEnvironmentVariable(name)))];
        foreach (string name in variables)
            Environment.SetEnvironmentVariable(name, Path.Combine(Folder, name));
        TrainFile = Write("train.tsv", 300, seed: 1);
        DevFile = Write("dev.tsv", 90, seed: 2);
        Session = new ModuleSession();
        Session.Run($$"""
            $session = Connect-GpuSession -Device cpu -Seed 7
            $train = Import-TextDataset '{{TrainFile}}'
            $dev = Import-TextDataset '{{DevFile}}'
            New-Model -Name tiny -Layers 4 -HiddenSize 32 -Heads 4 -MaximumSequenceLength 32 -TrainingData $train -VocabularySize 200 |
                Start-ModelTraining -TrainingData $train -ValidationData $dev -Epochs 4 -BatchSize 16 -LearningRate 2e-3 -InformationAction Ignore |
                Receive-Job -Wait -AutoRemoveJob -InformationAction Ignore |
                Export-Model -Name bert
            $quick = Get-Model bert | Measure-LayerLatency -Rounds 20
            """);
    }

    /// <summary>Where everything lies.</summary>
    public string Folder { get; }

    /// <summary>300 rows with the columns text and label.</summary>
    public string TrainFile { get; }

    /// <summary>90 other rows.</summary>
    public string DevFile { get; }

    /// <summary>The directory of <c>bert</c>.</summary>
    public string BertFolder => Path.Combine(Folder, "ZIPLM_HOME", "models", "bert");

    /// <summary>
    /// A runspace on the CPU, with <c>$train</c>, <c>$dev</c>, and <c>$quick</c>: a latency table of a few rounds, for tests
    /// where its precision does not matter.
    /// </summary>
    public ModuleSession Session { get; }

    /// <summary>A path in the temporary folder.</summary>
    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>Writes a text file and gives its path.</summary>
    public string File(string name, string text)
    {
        System.IO.File.WriteAllText(PathOf(name), text);
        return PathOf(name);
    }

    /// <summary>A copy of the directory of <c>bert</c>, to damage.</summary>
    public string CopyOfBert(string name)
    {
        string copy = Directory.CreateDirectory(PathOf(name)).FullName;
        foreach (string file in Directory.EnumerateFiles(BertFolder))
            System.IO.File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        return copy;
    }

    public void Dispose()
    {
        Session.Run("Get-Job | Remove-Job -Force; Get-GpuSession | Disconnect-GpuSession");
        Session.Dispose();
        foreach ((string name, string? value) in _before)
            Environment.SetEnvironmentVariable(name, value);
        Directory.Delete(Folder, recursive: true);
    }

    private string Write(string name, int rows, int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder("text\tlabel\n");
        for (int row = 0; row < rows; row++)
        {
            int topic = random.Next(Topics.Length);
            var words = Enumerable.Range(0, random.Next(4, 12)).Select(_ => Fillers[random.Next(Fillers.Length)]).ToList();
            for (int i = 0; i < 2; i++)
                words.Insert(random.Next(words.Count), Topics[topic][random.Next(Topics[topic].Length)]);
            text.Append(CultureInfo.InvariantCulture, $"{string.Join(' ', words)}\ttopic{topic}\n");
        }

        return File(name, text.ToString());
    }
}
