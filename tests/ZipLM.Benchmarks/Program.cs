using ZipLM.Benchmarks;

switch (args)
{
    case ["distill", .. string[] options]:
        return DistillBenchmark.Run(options);
    case ["import", .. string[] options]:
        return ImportBenchmark.Run(options);
    case ["onnx", .. string[] options]:
        return OnnxBenchmark.Run(options);
    case ["surgeon", .. string[] options]:
        return SurgeonBenchmark.Run(options);
    default:
        Console.Error.WriteLine("Usage: dotnet run -c Release --project tests/ZipLM.Benchmarks -- NAME [--option value]\n\n  distill [--store PATH --only speed|memory|resume --rounds N --steps N --memory-steps N]   token distillation: speed, memory, resume\n  import [--rounds N]   time of Import-Module in a fresh process\n  onnx [--length N --rounds N]   ONNX Runtime against torch: logits and times\n  surgeon [--rows N --columns N --steps N | --model bert-base | --sweep]   blocked removal, plain loop and inverse");
        return 2;
}
