using ZipLM.Benchmarks;

switch (args)
{
    case ["family", .. string[] options]:
        return FamilyBenchmark.Run(options);
    case ["import", .. string[] options]:
        return ImportBenchmark.Run(options);
    case ["onnx", .. string[] options]:
        return OnnxBenchmark.Run(options);
    case ["resume", .. string[] options]:
        return ResumeBenchmark.Run(options);
    case ["surgeon", .. string[] options]:
        return SurgeonBenchmark.Run(options);
    default:
        Console.Error.WriteLine("Usage: dotnet run -c Release --project tests/ZipLM.Benchmarks -- NAME [--option value]\n\n  family [--targets 2,3 --epochs N --dev-rows N --directory PATH]   a gradual family of the quickstart's teacher against one-shot members\n  import [--rounds N]   time of Import-Module in a fresh process\n  onnx [--length N --rounds N]   ONNX Runtime against torch: logits and times\n  resume [--kills N --seed N]   a recipe's run killed at random moments against one that never stopped\n  surgeon [--rows N --columns N --steps N | --model bert-base | --sweep]   blocked removal, plain loop and inverse");
        return 2;
}
