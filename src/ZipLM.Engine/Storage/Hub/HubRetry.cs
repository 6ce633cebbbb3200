using System.Globalization;
using System.Net.Http.Headers;
using Microsoft.Extensions.Http.Resilience;
using Polly;

namespace ZipLM.Engine.Storage;

/// <summary>Repeats requests that fail for the moment (429, 5xx, broken connections), after as long as the hub asks for, else after doubling pauses.</summary>
internal sealed class HubRetry(HubSettings settings, IReporter reporter)
{
    private const int Retries = 4;

    private volatile bool _answered;

    /// <summary>The handler that does it.</summary>
    public ResilienceHandler Around(HttpMessageHandler connection) => new(new ResiliencePipelineBuilder<HttpResponseMessage>()
        .AddRetry(new HttpRetryStrategyOptions
        {
            MaxRetryAttempts = Retries,
            Delay = settings.RetryDelay,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            ShouldHandle = attempt => ValueTask.FromResult(IsWorthwhile(attempt.Outcome)),
            OnRetry = attempt =>
            {
                string reason = attempt.Outcome.Result is { } answer ? $"{(int)answer.StatusCode} {answer.ReasonPhrase}" : attempt.Outcome.Exception!.Message;
                reporter.Verbose(string.Create(CultureInfo.InvariantCulture, $"The hub failed ({reason}); try {attempt.AttemptNumber + 2} in {attempt.RetryDelay.TotalSeconds:0.#} s."));
                return default;
            },
        })
        .AddTimeout(settings.AnswerTimeout)
        .Build())
    {
        InnerHandler = connection,
    };

    /// <summary>How long an answer asks to wait, or null.</summary>
    public static TimeSpan? Wait(RetryConditionHeaderValue? header) => header?.Delta ?? header?.Date - DateTimeOffset.UtcNow;

    private bool IsWorthwhile(Outcome<HttpResponseMessage> outcome)
    {
        _answered |= outcome.Result is not null;
        if (!HttpClientResiliencePredicates.IsTransient(outcome))
            return false;

        // A hub that has never answered is not there: nobody waits for five attempts to find out that there is no network.
        return outcome.Result is { } answer ? !(Wait(answer.Headers.RetryAfter) > settings.LongestWait) : _answered;
    }
}
