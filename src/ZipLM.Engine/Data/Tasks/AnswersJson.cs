using System.Text.Json;

namespace ZipLM.Engine.Data;

/// <summary>Reads the answers of a row as the hub writes them, <c>{"text": […], "answer_start": […]}</c>, or as SQuAD does, a list of <c>{"text", "answer_start"}</c>.</summary>
internal static class AnswersJson
{
    /// <param name="wrong">Makes the error of what is wrong with the row.</param>
    public static IReadOnlyList<TextAnswer> Read(JsonElement json, string context, Func<string, ZipLMException> wrong)
    {
        try
        {
            var places = new CodePoints(context);
            var answers = json.ValueKind == JsonValueKind.Array
                ? json.EnumerateArray().Select(answer => (Text: answer.GetProperty("text").GetString()!, Start: answer.GetProperty("answer_start").GetInt32())).ToList()
                : json.GetProperty("text").EnumerateArray().Select(text => text.GetString()!).Zip(json.GetProperty("answer_start").EnumerateArray().Select(start => start.GetInt32()), (Text, Start) => (Text, Start)).ToList();
            return [.. answers.Select(answer => Place(answer.Text, answer.Start, context, places, wrong))];
        }
        catch (Exception error) when (error is InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw wrong($"its answers are not {{\"text\": […], \"answer_start\": […]}}: {error.Message.TrimEnd('.')}");
        }
    }

    /// <summary>An answer in UTF-16 units, which must stand where it is said to.</summary>
    public static TextAnswer Place(string text, int start, string context, CodePoints places, Func<string, ZipLMException> wrong) =>
        places.Unit(start) is >= 0 and var unit && text.Length > 0 && string.CompareOrdinal(context, unit, text, 0, text.Length) == 0
            ? new(text, unit)
            : throw wrong($"its answer '{text}' does not stand at character {start} of the context");
}
