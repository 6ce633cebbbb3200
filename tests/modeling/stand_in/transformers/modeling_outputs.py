from types import SimpleNamespace


class Output(SimpleNamespace):
    fields = ()

    def __init__(self, **values):
        assert set(values) <= set(self.fields), f"{type(self).__name__} has no {set(values) - set(self.fields)}"
        super().__init__(**{**dict.fromkeys(self.fields), **values})

    def to_tuple(self):
        values = (getattr(self, field) for field in self.fields)
        return tuple(value for value in values if value is not None)


def output(name, fields):
    return type(name, (Output,), {"fields": (*fields.split(), "hidden_states", "attentions")})


BaseModelOutput = output("BaseModelOutput", "last_hidden_state")
BaseModelOutputWithPooling = output("BaseModelOutputWithPooling", "last_hidden_state pooler_output")
BaseModelOutputWithPast = output("BaseModelOutputWithPast", "last_hidden_state past_key_values")
MaskedLMOutput = output("MaskedLMOutput", "loss logits")
SequenceClassifierOutput = output("SequenceClassifierOutput", "loss logits")
SequenceClassifierOutputWithPast = output("SequenceClassifierOutputWithPast", "loss logits past_key_values")
QuestionAnsweringModelOutput = output("QuestionAnsweringModelOutput", "loss start_logits end_logits")
CausalLMOutputWithPast = output("CausalLMOutputWithPast", "loss logits past_key_values")
