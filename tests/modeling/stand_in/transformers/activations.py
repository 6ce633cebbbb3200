import math

import torch
from torch.nn import functional


def gelu_new(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


ACT2FN = {"gelu": functional.gelu, "gelu_new": gelu_new, "relu": functional.relu, "silu": functional.silu, "tanh": torch.tanh}
