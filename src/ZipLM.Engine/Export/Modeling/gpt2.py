

from transformers import GPT2Config
from transformers.pytorch_utils import Conv1D


class Layer(nn.Module):
    """One block; a half that was dropped (0 heads, width 0) is gone with its LayerNorm."""

    def __init__(self, config, heads, width, index):
        super().__init__()
        hidden = config.n_embd
        self.head_size, self.index = hidden // config.n_head, index
        self.dropout, self.attention_dropout = config.resid_pdrop, config.attn_pdrop
        self.activation = ACT2FN[config.activation_function]
        self.heads, self.width = heads, width
        if heads:
            inner = heads * self.head_size
            self.ln_1 = nn.LayerNorm(hidden, eps=config.layer_norm_epsilon)
            self.attn = Part(c_attn=Conv1D(3 * inner, hidden), c_proj=Conv1D(hidden, inner))
        if width:
            self.ln_2 = nn.LayerNorm(hidden, eps=config.layer_norm_epsilon)
            self.mlp = Part(c_fc=Conv1D(width, hidden), c_proj=Conv1D(hidden, width))

    def forward(self, x, allowed, past_key_values):
        if self.heads:
            query, key, value = (split(part, self.head_size) for part in self.attn.c_attn(self.ln_1(x)).chunk(3, -1))
            if past_key_values is not None:
                key, value = past_key_values.update(key, value, self.index)
            context = attend(query, key, value, allowed, self.attention_dropout if self.training else 0.0)
            x = x + F.dropout(self.attn.c_proj(context), self.dropout, self.training)
        if self.width:
            x = x + F.dropout(self.mlp.c_proj(self.activation(self.mlp.c_fc(self.ln_2(x)))), self.dropout, self.training)
        return x


class GPT2Model(ZipLMModel):
    config_class = GPT2Config
    base_model_prefix = "transformer"
    _auto_class = "AutoModel"

    def __init__(self, config):
        super().__init__(config)
        shapes = shapes_of(config, config.n_layer, config.n_head, config.n_inner or 4 * config.n_embd)
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions, config.n_embd)
        # The cache counts only the layers that have something to remember.
        self.h = nn.ModuleList(Layer(config, *shape, sum(heads > 0 for heads, _ in shapes[:i])) for i, shape in enumerate(shapes))
        self.ln_f = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.post_init()

    def get_input_embeddings(self):
        return self.wte

    def set_input_embeddings(self, value):
        self.wte = value

    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None, output_hidden_states=None, **_):
        if past_key_values is None and use_cache:
            past_key_values = DynamicCache()
        start = seen_before(past_key_values, input_ids, attention_mask)
        positions = positions_of(input_ids, attention_mask, start) if position_ids is None else position_ids
        x = F.dropout(self.wte(input_ids) + self.wpe(positions), self.config.embd_pdrop, self.training)
        allowed = causal_mask(input_ids, attention_mask, start)
        states = [x]
        for layer in self.h:
            x = layer(x, allowed, past_key_values=past_key_values)
            states.append(x)
        x = self.ln_f(x)
        return BaseModelOutputWithPast(
            last_hidden_state=x, past_key_values=past_key_values, hidden_states=(*states[:-1], x) if output_hidden_states else None)


class GPT2LMHeadModel(Generating):
    config_class = GPT2Config
    base_model_prefix = "transformer"
    _auto_class = "AutoModelForCausalLM"

    def __init__(self, config):
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.lm_head = None if is_tied(config) else nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self):
        return None  # tied ones are used where they are, and need no tying

    def forward(self, input_ids, attention_mask=None, labels=None, **options):
        output = self.transformer(input_ids, attention_mask, **options)
        return next_word_output(words_of(output.last_hidden_state, self.transformer.wte, self.lm_head), labels, output)


class GPT2ForSequenceClassification(ZipLMModel):
    config_class = GPT2Config
    base_model_prefix = "transformer"
    _auto_class = "AutoModelForSequenceClassification"

    def __init__(self, config):
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.score = nn.Linear(config.n_embd, config.num_labels, bias=False)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, labels=None, **options):
        output = self.transformer(input_ids, attention_mask, **options)
        logits = self.score(last_token(output.last_hidden_state, input_ids, attention_mask, self.config.pad_token_id))
        return SequenceClassifierOutputWithPast(loss=label_loss(logits, labels), logits=logits, hidden_states=output.hidden_states)


class GPT2ForQuestionAnswering(ZipLMModel):
    config_class = GPT2Config
    base_model_prefix = "transformer"
    _auto_class = "AutoModelForQuestionAnswering"

    def __init__(self, config):
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.qa_outputs = nn.Linear(config.n_embd, 2)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, start_positions=None, end_positions=None, **options):
        output = self.transformer(input_ids, attention_mask, **options)
        return span_output(self.qa_outputs(output.last_hidden_state), start_positions, end_positions, output)
