namespace ZipLM.Engine.Data;

/// <summary>The errors that the readers of all formats share.</summary>
internal static class DatasetErrors
{
    public static ZipLMException ColumnMissing(string path, string wanted, IEnumerable<string> found) => new(
        "DatasetColumnMissing", ErrorKind.InvalidData,
        $"'{path}' has no {wanted}; its columns are: {string.Join(", ", found)}.",
        "Name the columns of the text, its pair and the label.", path);

    public static ZipLMException ColumnRepeated(string path, string column) => new(
        "DatasetColumnRepeated", ErrorKind.InvalidData,
        $"'{path}' has more than one column '{column}'.", "Rename one of them, or name another column.", path);

    public static ZipLMException RowMalformed(string path, long line, string what, Exception? inner = null) => new(
        "DatasetRowMalformed", ErrorKind.InvalidData,
        $"Line {line} of '{path}' can't be read: {what}.", "Correct this line, or say which format the file has.", path, inner);

    public static ZipLMException LabelOutOfRange(string path, long line, string label, string allowed) => new(
        "LabelOutOfRange", ErrorKind.InvalidData,
        $"Line {line} of '{path}' has the label '{label}', but {allowed}.", "Correct the label, or give all label names.", path);

    public static ZipLMException Empty(string path, string what = "no rows") => new(
        "DatasetEmpty", ErrorKind.InvalidData, $"'{path}' has {what}.", "Give a file with at least one row of text.", path);

    public static ZipLMException Folder(string path) => new(
        "DatasetNotReadable", ErrorKind.ResourceUnavailable, $"'{path}' can't be read: it is a folder.", "Give a file of it.", path);
}
