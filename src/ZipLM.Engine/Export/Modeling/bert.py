

from transformers import BertConfig
from transformers.modeling_outputs import MaskedLMOutput, SequenceClassifierOutput


class BertModel(Encoder):
    config_class = BertConfig
    base_model_prefix = "bert"
    _auto_class = "AutoModel"


class BertWithHead(ZipLMModel):
    config_class = BertConfig
    base_model_prefix = "bert"


class BertForSequenceClassification(BertWithHead):
    _auto_class = "AutoModelForSequenceClassification"

    def __init__(self, config):
        super().__init__(config)
        self.bert = BertModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, labels=None, **options):
        output = self.bert(input_ids, attention_mask, token_type_ids, **options)
        dropout = getattr(self.config, "classifier_dropout", None)
        dropout = self.config.hidden_dropout_prob if dropout is None else dropout
        logits = self.classifier(F.dropout(output.pooler_output, dropout, self.training))
        return SequenceClassifierOutput(loss=label_loss(logits, labels), logits=logits, hidden_states=output.hidden_states)


class BertForQuestionAnswering(BertWithHead):
    _auto_class = "AutoModelForQuestionAnswering"

    def __init__(self, config):
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, start_positions=None, end_positions=None, **options):
        output = self.bert(input_ids, attention_mask, token_type_ids, **options)
        return span_output(self.qa_outputs(output.last_hidden_state), start_positions, end_positions, output)


class BertForMaskedLM(BertWithHead):
    _auto_class = "AutoModelForMaskedLM"

    def __init__(self, config):
        super().__init__(config)
        hidden = config.hidden_size
        self.bert = BertModel(config, add_pooling_layer=False)
        self.cls = Part(predictions=Part(
            transform=Part(dense=nn.Linear(hidden, hidden), LayerNorm=nn.LayerNorm(hidden, eps=config.layer_norm_eps)),
            decoder=None if is_tied(config) else nn.Linear(hidden, config.vocab_size, bias=False),
            bias=nn.Parameter(torch.zeros(config.vocab_size))))
        self.activation = ACT2FN[config.hidden_act]
        self.post_init()

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, labels=None, **options):
        output = self.bert(input_ids, attention_mask, token_type_ids, **options)
        own = self.cls.predictions
        x = own.transform.LayerNorm(self.activation(own.transform.dense(output.last_hidden_state)))
        logits = words_of(x, self.bert.embeddings.word_embeddings, own.decoder, own.bias)
        return MaskedLMOutput(loss=word_loss(logits, labels), logits=logits, hidden_states=output.hidden_states)
