using ZipLM.Benchmarks;

switch (args)
{
    case ["import", .. string[] options]:
        return ImportBenchmark.Run(options);
    case ["load", .. string[] options]:
        return LoadBenchmark.Run(options);
    case ["onnx", .. string[] options]:
        return OnnxBenchmark.Run(options);
    case ["surgeon", .. string[] options]:
        return SurgeonBenchmark.Run(options);
    default:
        Console.Error.WriteLine("Usage: dotnet run -c Release --project tests/ZipLM.Benchmarks -- NAME [--option value]\n\n  import [--rounds N]   time of Import-Module in a fresh process\n  load [--rounds N]   reading a 440 MB checkpoint against File.ReadAllBytes\n  onnx [--length N --rounds N | --families]   ONNX Runtime against torch: logits and times\n  surgeon [--rows N --columns N --steps N | --model bert-base | --sweep]   blocked removal, plain loop and inverse");
        return 2;
}
