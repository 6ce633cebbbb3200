"""A transformer that ZipLM has pruned: each layer has as many heads and as wide a feed-forward as config.json says under "ziplm".

    AutoModelFor….from_pretrained(DIRECTORY, trust_remote_code=True)

It needs torch 2 and transformers (4.40 or later, or 5), and computes what transformers' own class of the same name would, had
that layers of several sizes. Left out: attention weights as an output, and inputs_embeds.
"""
import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.activations import ACT2FN
from transformers.modeling_outputs import QuestionAnsweringModelOutput


class Part(nn.Module):
    """Modules under the names that the checkpoint has for them."""

    def __init__(self, /, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


class ZipLMModel(PreTrainedModel):
    _supports_sdpa = True
    _no_split_modules = ["Layer"]
    _skip_keys_device_placement = "past_key_values"
    accepts_loss_kwargs = False  # for Trainer: the losses below are means over the batch

    def __call__(self, *inputs, output_hidden_states=None, return_dict=None, **options):
        """What forward gives; the config says what its caller leaves open."""
        if output_hidden_states is None:
            output_hidden_states = getattr(self.config, "output_hidden_states", False)
        if return_dict is None:
            return_dict = getattr(self.config, "return_dict", True)
        output = super().__call__(*inputs, output_hidden_states=output_hidden_states, return_dict=True, **options)
        return output if return_dict else output.to_tuple()


def shapes_of(config, layers, heads, width):
    """Heads and feed-forward width of each layer; a config that says nothing of them is a dense model's."""
    return (getattr(config, "ziplm", None) or {}).get("layers") or [[heads, width]] * layers


def split(x, head_size):
    """[batch, tokens, heads · head_size] to [batch, heads, tokens, head_size]."""
    return x.view(*x.shape[:2], -1, head_size).transpose(1, 2)


def attend(query, key, value, allowed, dropout):
    """All three [batch, heads, tokens, head_size]; allowed: bool, broadcast to [batch, heads, tokens, tokens seen]."""
    return F.scaled_dot_product_attention(query, key, value, allowed, dropout).transpose(1, 2).flatten(2)


def words_of(x, embeddings, decoder=None, bias=None):
    """A score for each word; without a decoder of its own a model uses its word embeddings again."""
    return F.linear(x, (embeddings if decoder is None else decoder).weight, bias)


def is_tied(config):
    return getattr(config, "tie_word_embeddings", True)


def label_loss(logits, labels):
    if labels is None:
        return None
    return F.mse_loss(logits.squeeze(-1), labels.to(logits.dtype)) if logits.shape[-1] == 1 else F.cross_entropy(logits, labels)


def word_loss(logits, labels):
    return None if labels is None else F.cross_entropy(logits.flatten(0, -2), labels.flatten())


def span_output(logits, start_positions, end_positions, output):
    """Start and end of an answer; positions beyond the text are left out of the loss."""
    start, end, loss = logits[..., 0], logits[..., 1], None
    if start_positions is not None and end_positions is not None:
        size = start.shape[1]
        losses = [F.cross_entropy(scores, at.clamp(0, size), ignore_index=size) for scores, at in ((start, start_positions), (end, end_positions))]
        loss = sum(losses) / 2
    return QuestionAnsweringModelOutput(loss=loss, start_logits=start, end_logits=end, hidden_states=output.hidden_states)
