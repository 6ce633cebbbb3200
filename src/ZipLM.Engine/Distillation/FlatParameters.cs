using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;
using ZipLM.Engine.Runtime;

namespace ZipLM.Engine.Distillation;

/// <summary>
/// The parameters that are trained, as one vector, so that a step of the optimiser is a few operations and not a few for each
/// parameter. Parameters in single or double precision become views of it while they are trained; those in bfloat16 are
/// copies of it, which is their master in single precision.
/// </summary>
internal sealed class FlatParameters : IDisposable
{
    private readonly IReadOnlyList<TrainedParameter> _members;
    private readonly bool _isMaster;

    /// <summary>Gradients in bfloat16, before they are added to those in single precision; null where the parameters are the vector.</summary>
    private readonly Tensor? _lowGradients;

    /// <param name="parameters">All of one type and device; none of them a view of another.</param>
    public FlatParameters(IReadOnlyList<TrainedParameter> parameters)
    {
        // Parameters that are treated alike lie together, so that each group is one range.
        var groups = parameters.GroupBy(p => (p.Rate, p.Decays)).ToList();
        _members = [.. groups.SelectMany(g => g)];
        var (type, device) = (_members[0].Parameter.dtype, _members[0].Parameter.device);
        _isMaster = type == ScalarType.BFloat16;
        Count = _members.Sum(p => p.Parameter.numel());
        using var gradients = no_grad();
        Weights = empty(Count, _isMaster ? ScalarType.Float32 : type, device).DetachFromDisposeScope();
        Gradients = zeros(Count, Weights.dtype, device).DetachFromDisposeScope();
        _lowGradients = _isMaster ? zeros(Count, type, device).DetachFromDisposeScope() : null;
        var start = 0L;
        Groups = [.. groups.Select(g =>
        {
            var group = new Group(start, g.Sum(p => p.Parameter.numel()), g.Key.Rate, g.Key.Decays);
            start += group.Length;
            return group;
        })];
        ForEach((parameter, at) =>
        {
            using var view = View(Weights, parameter, at);
            view.copy_(parameter);
            if (!_isMaster)
            {
                parameter.set_(view);
            }

            parameter.requires_grad = true;
            using var gradient = View(_lowGradients ?? Gradients, parameter, at);
            parameter.grad = gradient;
        });
    }

    /// <summary>Numbers in all.</summary>
    public long Count { get; }

    /// <summary>[count], in single precision at least.</summary>
    public Tensor Weights { get; }

    /// <summary>[count]; backward passes add to it.</summary>
    public Tensor Gradients { get; }

    /// <summary>Ranges that share a rate and whether they decay.</summary>
    public IReadOnlyList<Group> Groups { get; }

    /// <summary>After each backward pass: brings the gradients together where they are not there already.</summary>
    public void Gather()
    {
        if (_lowGradients is not null)
        {
            Gradients.Increase(_lowGradients);
            _lowGradients.zero_();
        }
    }

    /// <summary>After a change of <see cref="Weights"/>: rounds them into the parameters where these are not views.</summary>
    public void Publish()
    {
        if (_isMaster)
        {
            using var gradients = no_grad();
            ForEach((parameter, at) =>
            {
                using var view = View(Weights, parameter, at);
                parameter.copy_(view);
            });
        }
    }

    /// <summary>Forgets the gradients there are: those of a step that could not be finished.</summary>
    public void ZeroGradients()
    {
        Gradients.zero_();
        _lowGradients?.zero_();
    }

    /// <summary>Gives every parameter memory of its own again, and frees the rest.</summary>
    public void Dispose()
    {
        using (no_grad())
        {
            ForEach((parameter, _) =>
            {
                parameter.grad = null;
                parameter.requires_grad = false;
                if (!_isMaster)
                {
                    using var own = parameter.clone();
                    parameter.set_(own);
                }
            });
        }

        Weights.Dispose();
        Gradients.Dispose();
        _lowGradients?.Dispose();
    }

    private static Tensor View(Tensor flat, Parameter parameter, long at)
    {
        using var range = flat.narrow(0, at, parameter.numel());
        return range.view(parameter.shape);
    }

    private void ForEach(Action<Parameter, long> action)
    {
        var at = 0L;
        foreach (var member in _members)
        {
            action(member.Parameter, at);
            at += member.Parameter.numel();
        }
    }

    /// <summary>A range of the vector.</summary>
    /// <param name="Rate">Factor of the learning rate.</param>
    internal sealed record Group(long Start, long Length, double Rate, bool Decays);
}
