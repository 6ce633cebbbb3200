using ZipLM.Benchmarks;

switch (args)
{
    case ["distill", .. string[] options]:
        return DistillBenchmark.Run(options);
    case ["family", .. string[] options]:
        return FamilyBenchmark.Run(options);
    case ["import", .. string[] options]:
        return ImportBenchmark.Run(options);
    case ["load", .. string[] options]:
        return LoadBenchmark.Run(options);
    case ["latency", .. string[] options]:
        return LatencyBenchmark.Run(options);
    case ["guarantee", .. string[] options]:
        return GuaranteeBenchmark.Run(options);
    case ["onnx", .. string[] options]:
        return OnnxBenchmark.Run(options);
    case ["resume", .. string[] options]:
        return ResumeBenchmark.Run(options);
    case ["search", .. string[] options]:
        return SearchBenchmark.Run(options);
    case ["surgeon", .. string[] options]:
        return SurgeonBenchmark.Run(options);
    default:
        Console.Error.WriteLine(
            """
            Usage: dotnet run -c Release --project tests/ZipLM.Benchmarks -- NAME [--option value]

              distill [--only speed|memory|resume --rounds N --steps N --memory-steps N]   token distillation: speed, memory, resume
              family [--targets 2,3 --epochs N --dev-rows N --directory PATH]   a gradual family of the quickstart's teacher against one-shot members
              guarantee [--model bert-base|quickstart|DIRECTORY|gpt2 --size mini --length P --generate N --runtimes torch,onnx,int8 --targets 2,3,4,6 --threads N]   promised speedups, measured again by new processes
              import [--rounds N]   time of Import-Module in a fresh process
              latency [--model DIRECTORY|gpt2 --size mini --length P --generate N --runtime torch|onnx --precision int8 --rounds N --repeats N --no-table]   predicted against measured speedup of random plans
              load [--rounds N]   reading a 440 MB checkpoint against File.ReadAllBytes
              onnx [--length N --rounds N | --compound --speedup N --rounds N]   ONNX Runtime against torch: logits of all model families and times; pruning × INT8
              resume [--kills N --seed N]   a recipe's run killed at random moments against one that never stopped
              search [--speedup N --seeds N --candidates N --trials N --table FILE]   loss and forward tokens against the plain search; the programming for BERT-large
              surgeon [--rows N --columns N --steps N | --model bert-base | --sweep] [--device cuda:0]   blocked removal, plain loop and inverse
            """);
        return 2;
}
