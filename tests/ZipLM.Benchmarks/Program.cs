using ZipLM.Benchmarks;

switch (args)
{
    case ["import", .. string[] options]:
        return ImportBenchmark.Run(options);
    case ["onnx", .. string[] options]:
        return OnnxBenchmark.Run(options);
    case ["search", .. string[] options]:
        return SearchBenchmark.Run(options);
    case ["surgeon", .. string[] options]:
        return SurgeonBenchmark.Run(options);
    default:
        Console.Error.WriteLine("Usage: dotnet run -c Release --project tests/ZipLM.Benchmarks -- NAME [--option value]\n\n  import [--rounds N]   time of Import-Module in a fresh process\n  onnx [--length N --rounds N]   ONNX Runtime against torch: logits and times\n  search [--speedup N --seeds N --candidates N --trials N --table FILE]   loss and forward tokens against the plain search; the programming for BERT-large\n  surgeon [--rows N --columns N --steps N | --model bert-base | --sweep]   blocked removal, plain loop and inverse");
        return 2;
}
