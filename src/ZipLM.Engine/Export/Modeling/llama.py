

from transformers import LlamaConfig


class RMSNorm(nn.Module):
    def __init__(self, size, epsilon):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(size)), epsilon

    def forward(self, x):
        wide = x.float()
        return self.weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.epsilon)).to(x.dtype)


def frequencies_of(config):
    """Angle a position of each pair of a head."""
    known = (getattr(config, "ziplm", None) or {}).get("frequencies")
    if known is None:
        scaling = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
        kind = scaling.get("rope_type") or scaling.get("type") or "default"
        if kind != "default":
            raise ValueError(f"config.json has no ziplm.frequencies, and its rotary positions are of the type '{kind}'.")
        theta = scaling.get("rope_theta") or getattr(config, "rope_theta", 10000.0)
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        known = [theta ** (-pair / size) for pair in range(0, size, 2)]
    return known


def turns_of(positions, frequencies, like):
    """Cosine and sine of each position's angles, of a precision that not every device has."""
    angles = positions.cpu()[:, None, :, None] * torch.tensor(frequencies, dtype=torch.float64, device="cpu")
    return angles.cos().to(like.dtype).to(like.device), angles.sin().to(like.dtype).to(like.device)


def turn(x, turns):
    """Rotary positions: the first half of a head holds the first coordinate of each pair, the second half the second."""
    cosines, sines = turns
    first, second = x.chunk(2, -1)
    return torch.cat((first * cosines - second * sines, second * cosines + first * sines), -1)


class Layer(nn.Module):
    """One block with `groups` keys and values, which several query heads share; a half that was dropped is gone with its norm."""

    def __init__(self, config, groups, width, index):
        super().__init__()
        hidden = config.hidden_size
        self.head_size = getattr(config, "head_dim", None) or hidden // config.num_attention_heads
        self.shared_by, self.index = config.num_attention_heads // config.num_key_value_heads, index
        self.dropout, self.activation = config.attention_dropout, ACT2FN[config.hidden_act]
        self.groups, self.width = groups, width
        if groups:
            bias, inner = getattr(config, "attention_bias", False), groups * self.head_size
            self.input_layernorm = RMSNorm(hidden, config.rms_norm_eps)
            self.self_attn = Part(
                q_proj=nn.Linear(hidden, inner * self.shared_by, bias), k_proj=nn.Linear(hidden, inner, bias),
                v_proj=nn.Linear(hidden, inner, bias), o_proj=nn.Linear(inner * self.shared_by, hidden, bias))
        if width:
            bias = getattr(config, "mlp_bias", False)
            self.post_attention_layernorm = RMSNorm(hidden, config.rms_norm_eps)
            self.mlp = Part(
                gate_proj=nn.Linear(hidden, width, bias), up_proj=nn.Linear(hidden, width, bias), down_proj=nn.Linear(width, hidden, bias))

    def forward(self, x, allowed, turns, past_key_values):
        if self.groups:
            own, normed = self.self_attn, self.input_layernorm(x)
            query, key, value = (split(part(normed), self.head_size) for part in (own.q_proj, own.k_proj, own.v_proj))
            query, key = turn(query, turns), turn(key, turns)
            if past_key_values is not None:
                key, value = past_key_values.update(key, value, self.index)
            key, value = (part.repeat_interleave(self.shared_by, 1) for part in (key, value))
            x = x + own.o_proj(attend(query, key, value, allowed, self.dropout if self.training else 0.0))
        if self.width:
            own, normed = self.mlp, self.post_attention_layernorm(x)
            x = x + own.down_proj(self.activation(own.gate_proj(normed)) * own.up_proj(normed))
        return x


class LlamaModel(ZipLMModel):
    config_class = LlamaConfig
    base_model_prefix = "model"
    _auto_class = "AutoModel"

    def __init__(self, config):
        super().__init__(config)
        shapes = shapes_of(config, config.num_hidden_layers, config.num_key_value_heads, config.intermediate_size)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        # The cache counts only the layers that have something to remember.
        self.layers = nn.ModuleList(Layer(config, *shape, sum(groups > 0 for groups, _ in shapes[:i])) for i, shape in enumerate(shapes))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.frequencies = frequencies_of(config) if any(groups for groups, _ in shapes) else []
        self.post_init()

    def get_input_embeddings(self):
        return self.embed_tokens

    def set_input_embeddings(self, value):
        self.embed_tokens = value

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, output_hidden_states=None, **_):
        if past_key_values is None and use_cache:
            past_key_values = DynamicCache()
        start = seen_before(past_key_values, input_ids, attention_mask)
        positions = positions_of(input_ids, attention_mask, start) if position_ids is None else position_ids
        allowed = causal_mask(input_ids, attention_mask, start)
        x = self.embed_tokens(input_ids)
        turns = turns_of(positions, self.frequencies, x)
        states = [x]
        for layer in self.layers:
            x = layer(x, allowed, turns, past_key_values=past_key_values)
            states.append(x)
        x = self.norm(x)
        return BaseModelOutputWithPast(
            last_hidden_state=x, past_key_values=past_key_values, hidden_states=(*states[:-1], x) if output_hidden_states else None)


class LlamaForCausalLM(Generating):
    config_class = LlamaConfig
    base_model_prefix = "model"
    _auto_class = "AutoModelForCausalLM"

    def __init__(self, config):
        super().__init__(config)
        self.model = LlamaModel(config)
        self.lm_head = None if is_tied(config) else nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self):
        return None  # tied ones are used where they are, and need no tying

    def forward(self, input_ids, attention_mask=None, labels=None, **options):
        output = self.model(input_ids, attention_mask, **options)
        return next_word_output(words_of(output.last_hidden_state, self.model.embed_tokens, self.lm_head), labels, output)


class LlamaForSequenceClassification(ZipLMModel):
    config_class = LlamaConfig
    base_model_prefix = "model"
    _auto_class = "AutoModelForSequenceClassification"

    def __init__(self, config):
        super().__init__(config)
        self.model = LlamaModel(config)
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, labels=None, **options):
        output = self.model(input_ids, attention_mask, **options)
        logits = self.score(last_token(output.last_hidden_state, input_ids, attention_mask, self.config.pad_token_id))
        return SequenceClassifierOutputWithPast(loss=label_loss(logits, labels), logits=logits, hidden_states=output.hidden_states)
