using System.Text.Json;

namespace ZipLM.Engine.Data;

/// <summary>Reads SQuAD v1.1 JSON, also as <c>.gz</c>.</summary>
internal static class SquadFile
{
    /// <summary>All questions, in the order of the file.</summary>
    /// <exception cref="ZipLMException">The file is missing or of another schema, or an answer does not stand where it is said to.</exception>
    public static IReadOnlyList<SquadQuestion> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return DatasetFile.Read(path, text => Parse(path, text.ReadToEnd()));
    }

    private static List<SquadQuestion> Parse(string path, string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var questions = document.RootElement.GetProperty("data").EnumerateArray()
                .SelectMany(article => article.GetProperty("paragraphs").EnumerateArray())
                .SelectMany(paragraph => Paragraph(path, paragraph)).ToList();
            return questions.Count > 0 ? questions : throw DatasetErrors.Empty(path);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw Invalid(path, $"is not SQuAD v1.1 JSON: {error.Message.TrimEnd('.')}", error);
        }
    }

    private static IEnumerable<SquadQuestion> Paragraph(string path, JsonElement paragraph)
    {
        var context = paragraph.GetProperty("context").GetString()!;
        var places = CodePoints(context);
        foreach (var question in paragraph.GetProperty("qas").EnumerateArray())
        {
            var id = question.GetProperty("id").GetString()!;
            var answers = question.TryGetProperty("answers", out var given) ? given.EnumerateArray().Select(answer => Answer(path, id, context, places, answer)).ToList() : [];
            yield return new SquadQuestion(id, question.GetProperty("question").GetString()!, context, answers);
        }
    }

    private static SquadAnswer Answer(string path, string id, string context, int[] places, JsonElement answer)
    {
        var text = answer.GetProperty("text").GetString()!;
        var start = answer.GetProperty("answer_start").GetInt32();
        return start >= 0 && start < places.Length && string.CompareOrdinal(context, places[start], text, 0, text.Length) == 0
            ? new SquadAnswer(text, places[start])
            : throw Invalid(path, $"has an answer '{text}' to question {id} that does not stand at character {start} of its context", null);
    }

    /// <summary>Where each character begins: the file counts code points, strings here UTF-16 units.</summary>
    private static int[] CodePoints(string text)
    {
        var places = new List<int>(text.Length);
        for (var i = 0; i < text.Length; i += i + 1 < text.Length && char.IsSurrogatePair(text, i) ? 2 : 1) places.Add(i);
        return [.. places];
    }

    private static ZipLMException Invalid(string path, string what, Exception? cause) => new(
        "SquadFileInvalid", ErrorKind.InvalidData, $"'{path}' {what}.", "Correct the file, or get it again from where it came.", path, cause);
}
