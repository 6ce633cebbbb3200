namespace ZipLM.Engine.Tests;

/// <summary>Matrices as plain arrays and loops: the oracle shares no code with what it judges.</summary>
internal static class PlainMatrix
{
    public static double[,] Random(int rows, int columns, Random random)
    {
        var a = new double[rows, columns];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
            {
                a[i, j] = Gaussian(random);
            }
        }

        return a;
    }

    /// <summary>Box–Muller.</summary>
    public static double Gaussian(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    public static double[,] Multiply(double[,] a, double[,] b)
    {
        var c = new double[a.GetLength(0), b.GetLength(1)];
        for (var i = 0; i < c.GetLength(0); i++)
        {
            for (var k = 0; k < b.GetLength(0); k++)
            {
                for (var j = 0; j < c.GetLength(1); j++)
                {
                    c[i, j] += a[i, k] * b[k, j];
                }
            }
        }

        return c;
    }

    public static double[,] Transpose(double[,] a)
    {
        var t = new double[a.GetLength(1), a.GetLength(0)];
        for (var i = 0; i < t.GetLength(0); i++)
        {
            for (var j = 0; j < t.GetLength(1); j++)
            {
                t[i, j] = a[j, i];
            }
        }

        return t;
    }

    public static double[,] Map(double[,] a, Func<int, int, double, double> f)
    {
        var b = new double[a.GetLength(0), a.GetLength(1)];
        for (var i = 0; i < b.GetLength(0); i++)
        {
            for (var j = 0; j < b.GetLength(1); j++)
            {
                b[i, j] = f(i, j, a[i, j]);
            }
        }

        return b;
    }

    public static double SquaredNorm(double[,] a) => a.Cast<double>().Sum(v => v * v);

    /// <summary>tr(A·H·Aᵀ).</summary>
    public static double Energy(double[,] a, double[,] h)
    {
        var ah = Multiply(a, h);
        var sum = 0.0;
        for (var i = 0; i < a.GetLength(0); i++)
        {
            for (var j = 0; j < a.GetLength(1); j++)
            {
                sum += ah[i, j] * a[i, j];
            }
        }

        return sum;
    }

    /// <summary>X with A·X = B, by Gaussian elimination with partial pivoting.</summary>
    public static double[,] Solve(double[,] a, double[,] b)
    {
        var (n, m) = (a.GetLength(0), b.GetLength(1));
        a = (double[,])a.Clone();
        b = (double[,])b.Clone();
        for (var column = 0; column < n; column++)
        {
            var pivot = Enumerable.Range(column, n - column).MaxBy(r => Math.Abs(a[r, column]));
            for (var j = 0; j < n; j++)
            {
                (a[column, j], a[pivot, j]) = (a[pivot, j], a[column, j]);
            }

            for (var j = 0; j < m; j++)
            {
                (b[column, j], b[pivot, j]) = (b[pivot, j], b[column, j]);
            }

            for (var row = 0; row < n; row++)
            {
                if (row == column)
                {
                    continue;
                }

                var factor = a[row, column] / a[column, column];
                for (var j = column; j < n; j++)
                {
                    a[row, j] -= factor * a[column, j];
                }

                for (var j = 0; j < m; j++)
                {
                    b[row, j] -= factor * b[column, j];
                }
            }
        }

        return Map(b, (i, _, value) => value / a[i, i]);
    }

    /// <summary>
    /// The least-squares answer with the columns outside <paramref name="kept"/> at zero: the full-size Ŵ that makes
    /// tr((Ŵ − W)·H·(Ŵ − W)ᵀ) smallest, from the normal equations Ŵ_K·H_KK = W·H_:,K.
    /// </summary>
    public static double[,] LeastSquares(double[,] w, double[,] h, IReadOnlyList<int> kept)
    {
        var result = new double[w.GetLength(0), w.GetLength(1)];
        if (kept.Count == 0)
        {
            return result;
        }

        var h_KK = new double[kept.Count, kept.Count];
        var h_K = new double[h.GetLength(0), kept.Count];
        for (var j = 0; j < kept.Count; j++)
        {
            for (var i = 0; i < kept.Count; i++)
            {
                h_KK[i, j] = h[kept[i], kept[j]];
            }

            for (var i = 0; i < h.GetLength(0); i++)
            {
                h_K[i, j] = h[i, kept[j]];
            }
        }

        var solved = Solve(h_KK, Transpose(Multiply(w, h_K)));
        for (var i = 0; i < w.GetLength(0); i++)
        {
            for (var j = 0; j < kept.Count; j++)
            {
                result[i, kept[j]] = solved[j, i];
            }
        }

        return result;
    }
}
