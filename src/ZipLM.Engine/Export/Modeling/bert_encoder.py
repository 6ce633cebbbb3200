

from transformers.modeling_outputs import BaseModelOutputWithPooling


class Layer(nn.Module):
    """One block; a half that was dropped (0 heads, width 0) leaves its LayerNorm."""

    def __init__(self, config, heads, width):
        super().__init__()
        hidden = config.hidden_size
        self.head_size = hidden // config.num_attention_heads
        self.dropout, self.attention_dropout = config.hidden_dropout_prob, config.attention_probs_dropout_prob
        self.activation = ACT2FN[config.hidden_act]
        self.attention = Part(output=Part(LayerNorm=nn.LayerNorm(hidden, eps=config.layer_norm_eps)))
        self.output = Part(LayerNorm=nn.LayerNorm(hidden, eps=config.layer_norm_eps))
        self.heads, self.width = heads, width
        if heads:
            inner = heads * self.head_size
            self.attention.self = Part(query=nn.Linear(hidden, inner), key=nn.Linear(hidden, inner), value=nn.Linear(hidden, inner))
            self.attention.output.dense = nn.Linear(inner, hidden)
        if width:
            self.intermediate = Part(dense=nn.Linear(hidden, width))
            self.output.dense = nn.Linear(width, hidden)

    def forward(self, x, allowed):
        if self.heads:
            own = self.attention.self
            query, key, value = (split(part(x), self.head_size) for part in (own.query, own.key, own.value))
            context = attend(query, key, value, allowed, self.attention_dropout if self.training else 0.0)
            x = x + F.dropout(self.attention.output.dense(context), self.dropout, self.training)
        x = self.attention.output.LayerNorm(x)
        if self.width:
            x = x + F.dropout(self.output.dense(self.activation(self.intermediate.dense(x))), self.dropout, self.training)
        return self.output.LayerNorm(x)


class Encoder(ZipLMModel):
    """Embeddings, layers and, where it is asked for, the pooler."""

    def __init__(self, config, add_pooling_layer=True):
        super().__init__(config)
        hidden = config.hidden_size
        self.embeddings = Part(
            word_embeddings=nn.Embedding(config.vocab_size, hidden),
            position_embeddings=nn.Embedding(config.max_position_embeddings, hidden),
            token_type_embeddings=nn.Embedding(config.type_vocab_size, hidden),
            LayerNorm=nn.LayerNorm(hidden, eps=config.layer_norm_eps))
        self.encoder = Part(layer=nn.ModuleList(Layer(config, *shape) for shape in shapes_of(
            config, config.num_hidden_layers, config.num_attention_heads, config.intermediate_size)))
        self.pooler = Part(dense=nn.Linear(hidden, hidden)) if add_pooling_layer else None
        self.post_init()

    def get_input_embeddings(self):
        return self.embeddings.word_embeddings

    def set_input_embeddings(self, value):
        self.embeddings.word_embeddings = value

    def positions(self, input_ids):
        return torch.arange(input_ids.shape[1], device=input_ids.device)[None]

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, position_ids=None, output_hidden_states=None, **_):
        own = self.embeddings
        position_ids = self.positions(input_ids) if position_ids is None else position_ids
        token_type_ids = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        x = own.word_embeddings(input_ids) + own.token_type_embeddings(token_type_ids) + own.position_embeddings(position_ids)
        x = F.dropout(own.LayerNorm(x), self.config.hidden_dropout_prob, self.training)
        allowed = None if attention_mask is None else attention_mask[:, None, None, :].bool()
        states = [x]
        for layer in self.encoder.layer:
            x = layer(x, allowed)
            states.append(x)
        pooled = None if self.pooler is None else torch.tanh(self.pooler.dense(x[:, 0]))
        return BaseModelOutputWithPooling(
            last_hidden_state=x, pooler_output=pooled, hidden_states=tuple(states) if output_hidden_states else None)
