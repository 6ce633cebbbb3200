using TorchSharp;
using static TorchSharp.torch;

namespace ZipLM.Engine.Runtime;

/// <summary>
/// Sums of tensors and arithmetic with numbers, in place of TorchSharp's operators. Those make a <see cref="Scalar"/>, hand its
/// handle to libtorch and let go of the object; a collection that another thread causes at that moment has its finalizer free
/// the number while libtorch reads it (TorchSharp 0.107; seen as "Exception raised from toFloat", possible as a wrong number).
/// Here every number lives until the call is over. A test looks for operators that slipped in.
/// </summary>
internal static class TensorArithmetic
{
    private static readonly Scalar One = 1;

    public static Tensor Plus(this Tensor x, Tensor y) => x.add(y, One);

    public static Tensor Plus(this Tensor x, double number)
    {
        using Scalar scalar = number;
        return x.add(scalar, One);
    }

    /// <summary>For integers, which stay integers.</summary>
    public static Tensor Plus(this Tensor x, long number)
    {
        using Scalar scalar = number;
        return x.add(scalar, One);
    }

    public static Tensor Times(this Tensor x, double number)
    {
        using Scalar scalar = number;
        return x.mul(scalar);
    }

    public static Tensor Over(this Tensor x, double number)
    {
        using Scalar scalar = number;
        return x.div(scalar);
    }

    public static Tensor Squared(this Tensor x) => x.mul(x);

    public static Tensor AtLeast(this Tensor x, double number)
    {
        using Scalar scalar = number;
        return x.clamp_min(scalar);
    }

    public static Tensor AtMost(this Tensor x, double number)
    {
        using Scalar scalar = number;
        return x.clamp_max(scalar);
    }

    public static Tensor DiffersFrom(this Tensor x, long number)
    {
        using Scalar scalar = number;
        return x.ne(scalar);
    }

    public static Tensor FilledWhere(this Tensor x, Tensor mask, double number)
    {
        using Scalar scalar = number;
        return x.masked_fill(mask, scalar);
    }

    /// <summary>x += factor·y, in place.</summary>
    public static Tensor Increase(this Tensor x, Tensor y, double factor = 1)
    {
        using Scalar scalar = factor;
        return x.add_(y, scalar);
    }

    /// <summary>x += factor·y∘z, in place, without a tensor for the product.</summary>
    public static Tensor IncreaseByProduct(this Tensor x, Tensor y, Tensor z, double factor)
    {
        using Scalar scalar = factor;
        return x.addcmul_(y, z, scalar);
    }

    /// <summary>x += factor·y/z, in place, without a tensor for the quotient.</summary>
    public static Tensor IncreaseByQuotient(this Tensor x, Tensor y, Tensor z, double factor)
    {
        using Scalar scalar = factor;
        return x.addcdiv_(y, z, scalar);
    }

    /// <summary>x += number, in place.</summary>
    public static Tensor Increase(this Tensor x, double number)
    {
        using Scalar scalar = number;
        return x.add_(scalar, One);
    }

    /// <summary>Adds rows to those of x that an index names, in place.</summary>
    public static Tensor AddRows(this Tensor x, Tensor index, Tensor rows) => x.index_add_(0, index, rows, One);

    /// <summary>x ×= number, in place.</summary>
    public static Tensor Scale(this Tensor x, double number)
    {
        using Scalar scalar = number;
        return x.mul_(scalar);
    }

    /// <summary>from, from + 1, … to − 1.</summary>
    public static Tensor Range(long from, long to, ScalarType type, Device? device = null)
    {
        using Scalar first = from, end = to;
        return arange(first, end, One, type, device);
    }
}
