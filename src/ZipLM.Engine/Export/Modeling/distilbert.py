

from transformers import DistilBertConfig
from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput, SequenceClassifierOutput


class Layer(nn.Module):
    """One block; a half that was dropped (0 heads, width 0) leaves its LayerNorm."""

    def __init__(self, config, heads, width):
        super().__init__()
        self.head_size = config.dim // config.n_heads
        self.dropout, self.attention_dropout = config.dropout, config.attention_dropout
        self.activation = ACT2FN[config.activation]
        self.sa_layer_norm = nn.LayerNorm(config.dim, eps=1e-12)
        self.output_layer_norm = nn.LayerNorm(config.dim, eps=1e-12)
        self.heads, self.width = heads, width
        if heads:
            inner = heads * self.head_size
            self.attention = Part(
                q_lin=nn.Linear(config.dim, inner), k_lin=nn.Linear(config.dim, inner), v_lin=nn.Linear(config.dim, inner),
                out_lin=nn.Linear(inner, config.dim))
        if width:
            self.ffn = Part(lin1=nn.Linear(config.dim, width), lin2=nn.Linear(width, config.dim))

    def forward(self, x, allowed):
        if self.heads:
            own = self.attention
            query, key, value = (split(part(x), self.head_size) for part in (own.q_lin, own.k_lin, own.v_lin))
            x = x + own.out_lin(attend(query, key, value, allowed, self.attention_dropout if self.training else 0.0))
        x = self.sa_layer_norm(x)
        if self.width:
            x = x + F.dropout(self.ffn.lin2(self.activation(self.ffn.lin1(x))), self.dropout, self.training)
        return self.output_layer_norm(x)


class DistilBertModel(ZipLMModel):
    config_class = DistilBertConfig
    base_model_prefix = "distilbert"
    _auto_class = "AutoModel"

    def __init__(self, config):
        super().__init__(config)
        self.embeddings = Part(
            word_embeddings=nn.Embedding(config.vocab_size, config.dim),
            position_embeddings=nn.Embedding(config.max_position_embeddings, config.dim),
            LayerNorm=nn.LayerNorm(config.dim, eps=1e-12))
        self.transformer = Part(layer=nn.ModuleList(Layer(config, *shape) for shape in shapes_of(
            config, config.n_layers, config.n_heads, config.hidden_dim)))
        self.post_init()

    def get_input_embeddings(self):
        return self.embeddings.word_embeddings

    def set_input_embeddings(self, value):
        self.embeddings.word_embeddings = value

    def forward(self, input_ids, attention_mask=None, output_hidden_states=None, **_):
        own = self.embeddings
        x = own.word_embeddings(input_ids) + own.position_embeddings(torch.arange(input_ids.shape[1], device=input_ids.device)[None])
        x = F.dropout(own.LayerNorm(x), self.config.dropout, self.training)
        allowed = None if attention_mask is None else attention_mask[:, None, None, :].bool()
        states = [x]
        for layer in self.transformer.layer:
            x = layer(x, allowed)
            states.append(x)
        return BaseModelOutput(last_hidden_state=x, hidden_states=tuple(states) if output_hidden_states else None)


class DistilBertWithHead(ZipLMModel):
    config_class = DistilBertConfig
    base_model_prefix = "distilbert"


class DistilBertForSequenceClassification(DistilBertWithHead):
    _auto_class = "AutoModelForSequenceClassification"

    def __init__(self, config):
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.pre_classifier = nn.Linear(config.dim, config.dim)
        self.classifier = nn.Linear(config.dim, config.num_labels)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, labels=None, **options):
        output = self.distilbert(input_ids, attention_mask, **options)
        pooled = F.relu(self.pre_classifier(output.last_hidden_state[:, 0]))
        logits = self.classifier(F.dropout(pooled, self.config.seq_classif_dropout, self.training))
        return SequenceClassifierOutput(loss=label_loss(logits, labels), logits=logits, hidden_states=output.hidden_states)


class DistilBertForQuestionAnswering(DistilBertWithHead):
    _auto_class = "AutoModelForQuestionAnswering"

    def __init__(self, config):
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.qa_outputs = nn.Linear(config.dim, 2)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, start_positions=None, end_positions=None, **options):
        output = self.distilbert(input_ids, attention_mask, **options)
        x = F.dropout(output.last_hidden_state, self.config.qa_dropout, self.training)
        return span_output(self.qa_outputs(x), start_positions, end_positions, output)


class DistilBertForMaskedLM(DistilBertWithHead):
    _auto_class = "AutoModelForMaskedLM"

    def __init__(self, config):
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.vocab_transform = nn.Linear(config.dim, config.dim)
        self.vocab_layer_norm = nn.LayerNorm(config.dim, eps=1e-12)
        # Tied ones are the word embeddings, so that only the bias is left.
        self.vocab_projector = Part(bias=nn.Parameter(torch.zeros(config.vocab_size)))
        if not is_tied(config):
            self.vocab_projector.weight = nn.Parameter(torch.zeros(config.vocab_size, config.dim))
        self.activation = ACT2FN[config.activation]
        self.post_init()

    def forward(self, input_ids, attention_mask=None, labels=None, **options):
        output = self.distilbert(input_ids, attention_mask, **options)
        x = self.vocab_layer_norm(self.activation(self.vocab_transform(output.last_hidden_state)))
        own = self.vocab_projector if hasattr(self.vocab_projector, "weight") else None
        logits = words_of(x, self.distilbert.embeddings.word_embeddings, own, self.vocab_projector.bias)
        return MaskedLMOutput(loss=word_loss(logits, labels), logits=logits, hidden_states=output.hidden_states)
