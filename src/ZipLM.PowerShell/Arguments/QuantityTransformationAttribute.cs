using System.Collections;
using System.Globalization;
using System.Management.Automation;

namespace ZipLM.PowerShell.Arguments;

/// <summary>Turns text such as <c>5ms</c>, or an array of such, into numbers; what is a number already stays.</summary>
public abstract class QuantityTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>How to write one, for the error: <c>a time, such as 5ms or 0.8 ms</c>.</summary>
    private protected abstract string Expected { get; }

    /// <summary>Units by what stands behind the number, in upper case, and what one is worth.</summary>
    private protected abstract IReadOnlyDictionary<string, double> Units { get; }

    /// <inheritdoc />
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var input = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        return input is IList list
            ? list.Cast<object>().Select(item => Number(item is PSObject inner ? inner.BaseObject : item)).ToArray()
            : new[] { Number(input) };
    }

    /// <summary>Another object than text and numbers that stands for a quantity; null for any other.</summary>
    private protected virtual double? Special(object? input) => null;

    private double Number(object? input)
    {
        if (Special(input) is { } special)
        {
            return special;
        }

        if (input is string text)
        {
            var trimmed = text.Trim();
            var digits = trimmed.TrimEnd([.. trimmed.Reverse().TakeWhile(c => !char.IsAsciiDigit(c) && c != '.')]);
            if (Units.TryGetValue(trimmed[digits.Length..].Trim().ToUpperInvariant(), out var unit)
                && double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
            {
                return number * unit;
            }
        }
        else if (input is IConvertible and not bool and not DateTime and not char)
        {
            return Convert.ToDouble(input, CultureInfo.InvariantCulture);
        }

        throw new ArgumentTransformationMetadataException($"'{input}' is not {Expected}.");
    }
}
