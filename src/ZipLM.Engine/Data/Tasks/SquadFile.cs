using System.Text.Json;

namespace ZipLM.Engine.Data;

/// <summary>Reads SQuAD v1.1 JSON, also as <c>.gz</c>.</summary>
internal static class SquadFile
{
    /// <summary>All questions with their contexts and answers, in the order of the file; the answers are empty where a test set does not tell them.</summary>
    /// <exception cref="ZipLMException">The file is missing or of another schema, or an answer does not stand where it is said to.</exception>
    public static List<DatasetRow> Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return DatasetFile.Read(path, text => Parse(path, text.ReadToEnd()));
    }

    private static List<DatasetRow> Parse(string path, string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var questions = document.RootElement.GetProperty("data").EnumerateArray()
                .SelectMany(article => article.GetProperty("paragraphs").EnumerateArray())
                .SelectMany(paragraph => Paragraph(path, paragraph))
                .Select((row, i) => row with { Line = i + 1 }).ToList();
            return questions.Count > 0 ? questions : throw DatasetErrors.Empty(path);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw Invalid(path, $"is not SQuAD v1.1 JSON: {error.Message.TrimEnd('.')}", error);
        }
    }

    private static IEnumerable<DatasetRow> Paragraph(string path, JsonElement paragraph)
    {
        var context = paragraph.GetProperty("context").GetString()!;
        var places = new CodePoints(context);
        foreach (var question in paragraph.GetProperty("qas").EnumerateArray())
        {
            var id = question.GetProperty("id").GetString()!;
            var answers = question.TryGetProperty("answers", out var given) ? given.EnumerateArray().Select(answer => Answer(path, id, context, places, answer)).ToList() : [];
            yield return new(0, question.GetProperty("question").GetString()!, context, null) { Answers = answers };
        }
    }

    private static TextAnswer Answer(string path, string id, string context, CodePoints places, JsonElement answer) => AnswersJson.Place(
        answer.GetProperty("text").GetString()!, answer.GetProperty("answer_start").GetInt32(), context, places, what => Invalid(path, $"is wrong at question {id}: {what}", null));

    private static ZipLMException Invalid(string path, string what, Exception? cause) => new(
        "SquadFileInvalid", ErrorKind.InvalidData, $"'{path}' {what}.", "Correct the file, or get it again from where it came.", path, cause);
}
