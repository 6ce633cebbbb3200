using ZipLM.Engine.Data;
using ZipLM.Engine.Runtime;
using static TorchSharp.torch;

namespace ZipLM.Engine.Models;

/// <summary>Word embeddings, with what a model family adds to them.</summary>
/// <param name="positions">Null where positions are rotary.</param>
/// <param name="positionOffset">Row of the first position's embedding.</param>
/// <param name="types">Null where the model tells no kinds of text apart.</param>
/// <param name="usesTypes">False: every token is of type 0, whatever the batch says.</param>
internal sealed class TokenEmbeddings(
    Embedding words, Embedding? positions = null, int positionOffset = 0, Embedding? types = null, bool usesTypes = true,
    Norm? norm = null, double dropout = 0) : IDisposable
{
    public Embedding Words => words;

    public Embedding? Positions => positions;

    public int PositionOffset => positionOffset;

    public Embedding? Types => types;

    public bool UsesTypes => usesTypes;

    public Norm? Norm => norm;

    public IEnumerable<WeightHolder> Holders => new WeightHolder?[] { words, positions, types, norm }.OfType<WeightHolder>();

    public Device Device => words.Weight.device;

    /// <returns>[batch, length, hidden]</returns>
    public Tensor Forward(Batch batch, ForwardOptions options)
    {
        // Another handle: what reads this may dispose it.
        var sum = options.Words?.alias() ?? words.Apply(batch.InputIds);
        if (types is not null)
        {
            sum = sum.Plus(usesTypes ? types.Apply(batch.TypeIds) : types.Weight[0]);
        }

        if (positions is not null)
        {
            sum = sum.Plus(positions.Weight.narrow(0, positionOffset + (options.Cache?.Length ?? 0), batch.InputIds.shape[1]));
        }

        var normalised = norm?.Apply(sum) ?? sum;
        return options.Training && dropout > 0 ? nn.functional.dropout(normalised, dropout, training: true) : normalised;
    }

    public TokenEmbeddings Copy() =>
        new(words.Copy(), positions?.Copy(), positionOffset, types?.Copy(), usesTypes, norm?.Copy(), dropout);

    public void Dispose()
    {
        foreach (var holder in Holders)
        {
            holder.Dispose();
        }
    }
}
