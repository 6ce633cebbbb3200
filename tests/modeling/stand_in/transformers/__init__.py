"""A stand-in for the few parts of transformers that modeling_ziplm.py uses, where the real one cannot be had.

It loads as transformers does (config.json, auto_map, prefixes, missing and unexpected names) and computes nothing of its own.
"""
import importlib.util
import json
import math
import pathlib

import torch
from torch.nn import functional

DEFAULTS = {
    "bert": dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, classifier_dropout=None, pad_token_id=0),
    "roberta": dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, classifier_dropout=None, pad_token_id=1),
    "xlm-roberta": dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, classifier_dropout=None, pad_token_id=1),
    "distilbert": dict(dropout=0.1, attention_dropout=0.1, seq_classif_dropout=0.2, qa_dropout=0.1),
    "gpt2": dict(resid_pdrop=0.1, attn_pdrop=0.1, embd_pdrop=0.1, pad_token_id=None),
    "llama": dict(attention_dropout=0.0, num_key_value_heads=None, pad_token_id=None, tie_word_embeddings=False),
}


class Config:
    def __init__(self, values):
        self.tie_word_embeddings = True
        self.__dict__.update(DEFAULTS[values["model_type"]])
        self.__dict__.update(values)
        self.num_labels = len(values["id2label"]) if "id2label" in values else 2
        if values["model_type"] == "llama" and self.num_key_value_heads is None:
            self.num_key_value_heads = self.num_attention_heads


class BertConfig(Config): ...
class RobertaConfig(Config): ...
class XLMRobertaConfig(Config): ...
class DistilBertConfig(Config): ...
class GPT2Config(Config): ...
class LlamaConfig(Config): ...


CONFIGS = {
    "bert": BertConfig, "roberta": RobertaConfig, "xlm-roberta": XLMRobertaConfig,
    "distilbert": DistilBertConfig, "gpt2": GPT2Config, "llama": LlamaConfig,
}


class PreTrainedModel(torch.nn.Module):
    base_model_prefix = ""

    def __init__(self, config):
        super().__init__()
        assert type(config) is type(self).config_class, "the class is for another config"
        self.config = config
        self.ready = False

    def post_init(self):
        self.ready = True


class GenerationMixin: ...


class DynamicCache:
    def __init__(self):
        self.layers = []

    def get_seq_length(self, layer_idx=0):
        return self.layers[layer_idx][0].shape[2] if layer_idx < len(self.layers) else 0

    def update(self, key, value, layer_idx, cache_kwargs=None):
        assert layer_idx <= len(self.layers), "a layer was left out"
        if layer_idx == len(self.layers):
            self.layers.append((key, value))
        else:
            self.layers[layer_idx] = tuple(torch.cat(pair, 2) for pair in zip(self.layers[layer_idx], (key, value)))
        return self.layers[layer_idx]


def read_safetensors(path):
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64, "I64": torch.int64}
    data = bytearray(path.read_bytes())
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + at for at in entry["data_offsets"])
            flat = torch.frombuffer(data[begin:end], dtype=types[entry["dtype"]]) if end > begin else torch.empty(0)
            tensors[name] = flat.reshape(entry["shape"])
    return tensors


class AutoClass:
    @classmethod
    def from_pretrained(cls, directory, trust_remote_code=False, output_loading_info=False):
        directory = pathlib.Path(directory)
        values = json.loads((directory / "config.json").read_text())
        assert trust_remote_code and cls.__name__ in values["auto_map"], "no class for " + cls.__name__
        module, name = values["auto_map"][cls.__name__].split(".")
        spec = importlib.util.spec_from_file_location(module, directory / (module + ".py"))
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        model = getattr(loaded, name)(CONFIGS[values["model_type"]](values))
        assert model.ready, "post_init was not called"
        stored = read_safetensors(directory / "model.safetensors")
        prefix = model.base_model_prefix + "."
        if not hasattr(model, model.base_model_prefix):
            stored = {key[len(prefix):] if key.startswith(prefix) else key: value for key, value in stored.items()}
        wrong = model.load_state_dict(stored, strict=False)
        info = {"missing_keys": set(wrong.missing_keys), "unexpected_keys": set(wrong.unexpected_keys), "mismatched_keys": set()}
        return (model.eval(), info) if output_loading_info else model.eval()


class AutoModel(AutoClass): ...
class AutoModelForSequenceClassification(AutoClass): ...
class AutoModelForQuestionAnswering(AutoClass): ...
class AutoModelForCausalLM(AutoClass): ...
class AutoModelForMaskedLM(AutoClass): ...


if not hasattr(functional, "scaled_dot_product_attention"):  # torch 1
    def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0):
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        if attn_mask is not None:
            scores = scores.masked_fill(~attn_mask, -math.inf)
        return functional.dropout(scores.softmax(-1), dropout_p) @ value

    functional.scaled_dot_product_attention = scaled_dot_product_attention
