using ZipLM.Benchmarks;

switch (args)
{
    case ["import", .. string[] options]:
        return ImportBenchmark.Run(options);
    case ["latency", .. string[] options]:
        return LatencyBenchmark.Run(options);
    case ["guarantee", .. string[] options]:
        return GuaranteeBenchmark.Run(options);
    case ["onnx", .. string[] options]:
        return OnnxBenchmark.Run(options);
    case ["surgeon", .. string[] options]:
        return SurgeonBenchmark.Run(options);
    default:
        Console.Error.WriteLine("Usage: dotnet run -c Release --project tests/ZipLM.Benchmarks -- NAME [--option value]\n\n  import [--rounds N]   time of Import-Module in a fresh process\n  guarantee [--model DIRECTORY --runtime torch|onnx --precision int8 --targets 2,3,4,6 --threads N]   promised speedups, measured again by new processes\n  latency [--runtime torch|onnx --precision int8 --rounds N --repeats N --no-table]   predicted against measured speedup of random plans\n  onnx [--length N --rounds N]   ONNX Runtime against torch: logits and times\n  surgeon [--rows N --columns N --steps N | --model bert-base | --sweep]   blocked removal, plain loop and inverse");
        return 2;
}
