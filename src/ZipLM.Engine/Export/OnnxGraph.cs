using Google.Protobuf;

namespace ZipLM.Engine.Export;

/// <summary>A graph as it grows: inputs, constants and nodes, each known by the name of the value that it gives.</summary>
internal sealed class OnnxGraph
{
    /// <summary>The operator set of ONNX: 17 is the first with LayerNormalization.</summary>
    public const int Opset = 17;

    /// <summary>ONNX Runtime's own operators, which do in one node what takes many of the standard's.</summary>
    public const string Fused = "com.microsoft";

    // The version of the format that belongs to opset 17.
    private const int IrVersion = 8;

    private readonly GraphProto _graph = new() { Name = "model" };
    private readonly Dictionary<string, OnnxTensor> _constants = new(StringComparer.Ordinal);

    /// <summary>The constants, in the order in which they were added.</summary>
    public IReadOnlyCollection<OnnxTensor> Constants => _constants.Values;

    /// <summary>Names of the inputs.</summary>
    public IEnumerable<string> Inputs => _graph.Input.Select(i => i.Name);

    /// <summary>Adds an input; a dimension is a number or the name of one that may change.</summary>
    public string Input(string name, TensorProto.Types.DataType type, params ReadOnlySpan<string> dimensions)
    {
        _graph.Input.Add(Value(name, type, dimensions));
        return name;
    }

    /// <summary>Names a node's value as an output of the graph.</summary>
    public void Output(string name, string value, params ReadOnlySpan<string> dimensions)
    {
        _graph.Node.Add(new NodeProto { OpType = "Identity", Name = name, Input = { value }, Output = { name } });
        _graph.Output.Add(Value(name, TensorProto.Types.DataType.Float, dimensions));
    }

    /// <summary>Adds a constant, once however often it is asked for.</summary>
    public string Constant(OnnxTensor tensor)
    {
        _constants.TryAdd(tensor.Name, tensor);
        return tensor.Name;
    }

    /// <summary>Adds a node with one output, which bears the node's name.</summary>
    /// <param name="inputs">Values; an empty name leaves an optional input out.</param>
    public string Node(string name, string type, IEnumerable<string> inputs, string domain = "", params ReadOnlySpan<AttributeProto> attributes) =>
        Node(name, type, inputs, [name], domain, attributes);

    /// <summary>Adds a node with several outputs and gives the first.</summary>
    public string Node(string name, string type, IEnumerable<string> inputs, IReadOnlyList<string> outputs, string domain, params ReadOnlySpan<AttributeProto> attributes)
    {
        var node = new NodeProto { OpType = type, Name = name, Domain = domain, Input = { inputs }, Output = { outputs } };
        foreach (var attribute in attributes)
        {
            node.Attribute.Add(attribute);
        }

        _graph.Node.Add(node);
        return outputs[0];
    }

    /// <summary>A value as int32.</summary>
    public string Int32(string value) => Node($"{value}.int32", "Cast", [value], string.Empty, Attribute("to", (int)TensorProto.Types.DataType.Int32));

    public static AttributeProto Attribute(string name, double value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Float, F = (float)value };

    public static AttributeProto Attribute(string name, int value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    public static AttributeProto Attribute(string name, params ReadOnlySpan<long> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Ints };
        foreach (var value in values)
        {
            attribute.Ints.Add(value);
        }

        return attribute;
    }

    /// <summary>The model with all constants inside.</summary>
    public ModelProto ToModel() => ToModel(Inside);

    /// <summary>A constant with its values inside the model.</summary>
    public static TensorProto Inside(OnnxTensor constant) => new()
    {
        Name = constant.Name,
        DataType = constant.Type,
        Dims = { constant.Shape },
        RawData = UnsafeByteOperations.UnsafeWrap(constant.Read()),
    };

    /// <summary>The model with constants as given.</summary>
    public ModelProto ToModel(Func<OnnxTensor, TensorProto> write)
    {
        var graph = _graph.Clone();
        graph.Initializer.AddRange(_constants.Values.Select(write));
        return new()
        {
            IrVersion = IrVersion,
            ProducerName = "ZipLM",
            ProducerVersion = typeof(OnnxGraph).Assembly.GetName().Version!.ToString(3),
            OpsetImport = { new OperatorSetIdProto { Version = Opset }, new OperatorSetIdProto { Domain = Fused, Version = 1 } },
            Graph = graph,
        };
    }

    private static ValueInfoProto Value(string name, TensorProto.Types.DataType type, ReadOnlySpan<string> dimensions)
    {
        var shape = new TensorShapeProto();
        foreach (var dimension in dimensions)
        {
            shape.Dim.Add(long.TryParse(dimension, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var size)
                ? new TensorShapeProto.Types.Dimension { DimValue = size }
                : new TensorShapeProto.Types.Dimension { DimParam = dimension });
        }

        return new() { Name = name, Type = new() { TensorType = new() { ElemType = type, Shape = shape } } };
    }
}
