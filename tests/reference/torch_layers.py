"""Layers in plain PyTorch whose weights come by name from the rule of `tests/reference/weights.py`."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.reference import weights

BATCH_NORM_EPSILON = 1e-5
STATISTICS = ("mean", "var")


class Weights:
    """Tensors by canonical name and Flax shape, made when a layer first asks for them.

    Attributes:
      train: normalise by the statistics of the batch instead of the running ones.
      tensors: all tensors made so far by name; those that are not statistics require gradients.
    """

    def __init__(self, *, dtype=torch.float64, device="cpu", train=False):
        self.dtype = dtype
        self.device = device
        self.train = train
        self.tensors: dict[str, Tensor] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        assert name not in self.tensors, name
        if self.device == "meta":
            tensor = torch.empty(shape, dtype=self.dtype, device="meta")
        else:
            tensor = torch.tensor(weights.values(name, shape), dtype=self.dtype)
        trained = name.rsplit("/", 1)[-1] not in STATISTICS
        self.tensors[name] = tensor.requires_grad_(trained)
        return self.tensors[name]

    def parameters(self) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in self.tensors.items() if tensor.requires_grad}

    def count(self) -> int:
        return sum(math.prod(tensor.shape) for tensor in self.parameters().values())


def conv(w: Weights, name: str, x: Tensor, channels: int, size: int, stride: int = 1) -> Tensor:
    """Convolves [N, C, H, W] with size // 2 zeros on every side and no bias."""
    kernel = w(f"{name}/kernel", size, size, x.shape[1], channels)
    return F.conv2d(x, kernel.permute(3, 2, 0, 1), stride=stride, padding=size // 2)


def batch_norm(w: Weights, name: str, x: Tensor) -> Tensor:
    scale, bias, mean, var = (w(f"{name}/{r}", x.shape[1]) for r in ("scale", "bias", *STATISTICS))
    if w.train:
        mean = var = None
    return F.batch_norm(x, mean, var, scale, bias, training=w.train, eps=BATCH_NORM_EPSILON)


def layer_norm(w: Weights, name: str, x: Tensor, epsilon: float) -> Tensor:
    scale, bias = (w(f"{name}/{role}", x.shape[-1]) for role in ("scale", "bias"))
    return F.layer_norm(x, x.shape[-1:], scale, bias, epsilon)


def dense(w: Weights, name: str, x: Tensor, units: int, bias: bool = True) -> Tensor:
    y = x @ w(f"{name}/kernel", x.shape[-1], units)
    return y + w(f"{name}/bias", units) if bias else y


def pool_and_classify(w: Weights, x: Tensor, classes: int) -> Tensor:
    return dense(w, "head", x.mean((2, 3)), classes)
