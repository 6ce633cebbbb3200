

from transformers import RobertaConfig
from transformers.modeling_outputs import MaskedLMOutput, SequenceClassifierOutput


class RobertaModel(Encoder):
    config_class = RobertaConfig
    base_model_prefix = "roberta"
    _auto_class = "AutoModel"

    def positions(self, input_ids):
        """Tokens are counted from the padding's index + 1; padding has that index."""
        padding = self.config.pad_token_id
        tokens = input_ids.ne(padding).long()
        return tokens.cumsum(1) * tokens + padding


class RobertaWithHead(ZipLMModel):
    config_class = RobertaConfig
    base_model_prefix = "roberta"


class RobertaForSequenceClassification(RobertaWithHead):
    _auto_class = "AutoModelForSequenceClassification"

    def __init__(self, config):
        super().__init__(config)
        hidden = config.hidden_size
        self.roberta = RobertaModel(config, add_pooling_layer=False)
        self.classifier = Part(dense=nn.Linear(hidden, hidden), out_proj=nn.Linear(hidden, config.num_labels))
        self.post_init()

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, labels=None, **options):
        output = self.roberta(input_ids, attention_mask, token_type_ids, **options)
        dropout = getattr(self.config, "classifier_dropout", None)
        dropout = self.config.hidden_dropout_prob if dropout is None else dropout
        first = F.dropout(output.last_hidden_state[:, 0], dropout, self.training)
        logits = self.classifier.out_proj(F.dropout(torch.tanh(self.classifier.dense(first)), dropout, self.training))
        return SequenceClassifierOutput(loss=label_loss(logits, labels), logits=logits, hidden_states=output.hidden_states)


class RobertaForQuestionAnswering(RobertaWithHead):
    _auto_class = "AutoModelForQuestionAnswering"

    def __init__(self, config):
        super().__init__(config)
        self.roberta = RobertaModel(config, add_pooling_layer=False)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, start_positions=None, end_positions=None, **options):
        output = self.roberta(input_ids, attention_mask, token_type_ids, **options)
        return span_output(self.qa_outputs(output.last_hidden_state), start_positions, end_positions, output)


class RobertaForMaskedLM(RobertaWithHead):
    _auto_class = "AutoModelForMaskedLM"

    def __init__(self, config):
        super().__init__(config)
        hidden = config.hidden_size
        self.roberta = RobertaModel(config, add_pooling_layer=False)
        self.lm_head = Part(
            dense=nn.Linear(hidden, hidden), layer_norm=nn.LayerNorm(hidden, eps=config.layer_norm_eps),
            decoder=None if is_tied(config) else nn.Linear(hidden, config.vocab_size, bias=False),
            bias=nn.Parameter(torch.zeros(config.vocab_size)))
        self.post_init()

    def get_output_embeddings(self):
        return None  # tied ones are used where they are, and need no tying

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, labels=None, **options):
        output = self.roberta(input_ids, attention_mask, token_type_ids, **options)
        own = self.lm_head
        x = own.layer_norm(F.gelu(own.dense(output.last_hidden_state)))
        logits = words_of(x, self.roberta.embeddings.word_embeddings, own.decoder, own.bias)
        return MaskedLMOutput(loss=word_loss(logits, labels), logits=logits, hidden_states=output.hidden_states)
