using Parquet.Schema;

namespace ZipLM.Engine.Data;

/// <summary>What a column of a Parquet file holds.</summary>
internal static class ParquetColumn
{
    /// <summary>One value a row; lists and structures are no text.</summary>
    public static bool IsFlat(DataField field) => field.MaxRepetitionLevel == 0 && field.Path.Length == 1;

    /// <summary>Parquet.Net names the type of text by what it holds it in.</summary>
    public static bool IsText(DataField field) => field.ClrType == typeof(string) || field.ClrType == typeof(ReadOnlyMemory<char>);
}
