

from transformers import DynamicCache, GenerationMixin
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast, SequenceClassifierOutputWithPast


def seen_before(cache, input_ids=None, attention_mask=None):
    """Tokens before these; the mask, which covers them too, knows it even of a model without any attention to remember them."""
    if attention_mask is not None:
        return attention_mask.shape[1] - input_ids.shape[1]
    return 0 if cache is None else cache.get_seq_length()


def positions_of(input_ids, attention_mask, start):
    """Tokens are counted; padding, on whichever side, is not."""
    length = input_ids.shape[1]
    if attention_mask is None:
        return torch.arange(start, start + length, device=input_ids.device)[None]
    return (attention_mask.long().cumsum(1) - 1).clamp(min=0)[:, -length:]


def causal_mask(input_ids, attention_mask, start):
    """A token sees what stands before it and is no padding, and itself."""
    length, total = input_ids.shape[1], start + input_ids.shape[1]
    square = torch.ones(length, total, dtype=torch.bool, device=input_ids.device)
    allowed = square.tril(start)[None, None]
    return allowed if attention_mask is None else allowed & attention_mask[:, None, None, :].bool() | (square.tril(start) & square.triu(start))


def last_token(x, input_ids, attention_mask, padding):
    """Hidden state of each row's last token that is no padding."""
    if attention_mask is None:
        attention_mask = torch.ones_like(input_ids) if padding is None else input_ids.ne(padding)
    order = torch.arange(input_ids.shape[1], device=input_ids.device)
    return x[torch.arange(len(x), device=x.device), (attention_mask.long() * order).argmax(1)]


class Generating(ZipLMModel, GenerationMixin):
    """Text is generated token by token with the keys and values of what was read before."""

    _supports_cache_class = True

    def prepare_inputs_for_generation(self, input_ids, past_key_values=None, attention_mask=None, use_cache=True, **_):
        start = seen_before(past_key_values)
        return {"input_ids": input_ids[:, start:], "attention_mask": attention_mask, "past_key_values": past_key_values, "use_cache": use_cache}


def next_word_output(logits, labels, output):
    loss = None if labels is None else word_loss(logits[:, :-1], labels[:, 1:])
    return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=output.past_key_values, hidden_states=output.hidden_states)
