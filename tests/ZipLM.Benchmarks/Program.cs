using ZipLM.Benchmarks;

switch (args)
{
    case ["import", .. string[] options]:
        return ImportBenchmark.Run(options);
    default:
        Console.Error.WriteLine("Usage: dotnet run -c Release --project tests/ZipLM.Benchmarks -- NAME [--option value]\n\n  import [--rounds N]   time of Import-Module in a fresh process");
        return 2;
}
