"""The workloads' networks in PyTorch, with the weights of the JAX ones."""

import math

import jax
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.workloads import CONTEXT, HEADS, LAYERS, VOCABULARY, WIDTH
from lsgeo import trees


class Network(nn.Module):
    """A network whose parameters have the names and the order of the JAX pytree's leaves."""

    def __init__(self, problem):
        super().__init__()
        self.forward_of = _FORWARDS[problem.name.split("-")[0]]
        self.names, self.shapes = [], []
        for path, leaf in jax.tree_util.tree_leaves_with_path(problem.params):
            name = trees.path_name(path)
            self.names.append(name)
            self.shapes.append(leaf.shape)
            self.register_parameter(_key(name), nn.Parameter(_to_torch(name, np.asarray(leaf))))
        for path, leaf in jax.tree_util.tree_leaves_with_path(problem.constants):
            name = trees.path_name(path).removeprefix("batch_stats/")
            self.register_buffer(_key(name), torch.tensor(np.asarray(leaf)))

    def forward(self, x):
        return self.forward_of(lambda name: getattr(self, _key(name)), x)

    def to_native(self, flat):
        """Splits a flat vector in JAX order into a list of tensors like the parameters."""
        bounds = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        pieces = zip(self.names, np.split(flat, bounds), self.shapes, strict=True)
        return [_to_torch(name, piece.reshape(shape)) for name, piece, shape in pieces]

    def to_flat(self, tensors):
        """The inverse of `to_native`."""
        leaves = zip(self.names, tensors, strict=True)
        return np.concatenate([_from_torch(name, t.detach().numpy()).ravel() for name, t in leaves])


def inputs_and_targets(problem):
    """The batch in PyTorch's layout: images [N, C, H, W], class indices as int64."""
    x = problem.inputs
    if problem.name == "transformer":
        x = x.astype(np.int64)
    elif problem.name.startswith("resnet20"):
        x = x.transpose(0, 3, 1, 2)
    return torch.tensor(np.ascontiguousarray(x)), torch.tensor(problem.targets.astype(np.int64))


def _key(name):
    return name.replace("/", "__")


def _to_torch(name, array):
    # (in, out) -> (out, in), and (H, W, in, out) -> (out, in, H, W); those of attention heads stay.
    if name.endswith("kernel") and array.ndim != 3:
        array = array.T if array.ndim == 2 else array.transpose(3, 2, 0, 1)
    return torch.tensor(np.ascontiguousarray(array))


def _from_torch(name, array):
    if name.endswith("kernel") and array.ndim != 3:
        return array.T if array.ndim == 2 else array.transpose(2, 3, 1, 0)
    return array


def _dense(p, name, x):
    return F.linear(x, p(f"{name}/kernel"), p(f"{name}/bias"))


def _mlp(p, x):
    x = _dense(p, "stem", x.flatten(1))
    for i in range(8):
        x = x + _dense(p, f"block_{i}/dense_0", F.relu(x)) * 8**-0.5
    return _dense(p, "head", F.relu(x))


def _resnet(p, x):
    def norm(name, x):
        mean, var, scale, bias = (
            p(f"{name}/batch/{part}") for part in ("mean", "var", "scale", "bias")
        )
        return F.batch_norm(x, mean, var, scale, bias, training=False, eps=1e-5)

    x = F.relu(norm("norm_stem", F.conv2d(x, p("stem/kernel"), padding=1)))
    for stage in range(3):
        for i in range(3):
            name, stride = f"stage_{stage}_block_{i}", 2 if stage and not i else 1
            y = F.conv2d(x, p(f"{name}/conv_0/kernel"), stride=stride, padding=1)
            y = F.relu(norm(f"{name}/norm_0", y))
            y = norm(f"{name}/norm_1", F.conv2d(y, p(f"{name}/conv_1/kernel"), padding=1))
            missing = y.shape[1] - x.shape[1]
            short = x[:, :, ::stride, ::stride]
            x = F.relu(F.pad(short, (0, 0, 0, 0, missing // 2, missing - missing // 2)) + y)
    return _dense(p, "head", x.mean((2, 3)))


def _transformer(p, tokens):
    def norm(name, x):
        return F.layer_norm(x, (WIDTH,), p(f"{name}/scale"), p(f"{name}/bias"), 1e-5)

    count = tokens.shape[0]
    mask = torch.ones(CONTEXT, CONTEXT, dtype=torch.bool).tril()
    x = F.embedding(tokens, p("token/embedding")) + p("position/embedding")
    for i in range(LAYERS):
        qkv = _dense(p, f"layer_{i}/qkv", norm(f"layer_{i}/norm_0", x))
        q, k, v = qkv.reshape(count, CONTEXT, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)
        # Not the fused attention: it has no second derivative.
        weights = torch.softmax(scores.masked_fill(~mask, -1e9), dim=-1)
        mixed = (weights @ v).transpose(1, 2).reshape(count, CONTEXT, WIDTH)
        x = x + _dense(p, f"layer_{i}/out", mixed)
        hidden = _dense(p, f"layer_{i}/up", norm(f"layer_{i}/norm_1", x))
        x = x + _dense(p, f"layer_{i}/down", F.gelu(hidden, approximate="tanh"))
    return _dense(p, "head", norm("norm_head", x)).reshape(-1, VOCABULARY)


def _vit(p, images, patch=2, blocks=4):
    def norm(name, x):
        return F.layer_norm(
            x, x.shape[-1:], p(f"{name}/layer/scale"), p(f"{name}/layer/bias"), 1e-5
        )

    def heads(name, x):
        kernel = p(f"{name}/kernel")  # [C, heads, C / heads]
        return (x @ kernel.flatten(1)).unflatten(-1, kernel.shape[1:]).transpose(1, 2)

    count, side = images.shape[0], images.shape[1] // patch
    squares = images.reshape(count, side, patch, side, patch, -1).swapaxes(2, 3)
    x = _dense(p, "stem", squares.reshape(count, side * side, -1))
    x = torch.cat([p("class_token").expand(count, 1, -1), x], 1) + p("positions")
    for i in range(blocks):
        h = norm(f"block_{i}/norm_0", x)
        q, k, v = (heads(f"block_{i}/attention/{part}", h) for part in ("query", "key", "value"))
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        out = f"block_{i}/attention/out"
        x = x + mixed @ p(f"{out}/kernel").flatten(0, 1) + p(f"{out}/bias")
        h = _dense(p, f"block_{i}/mlp/dense_0", norm(f"block_{i}/norm_1", x))
        x = x + _dense(p, f"block_{i}/mlp/dense_1", F.gelu(h))
    return _dense(p, "head", norm("norm_head", x)[:, 0])


_FORWARDS = {"mlp": _mlp, "resnet20": _resnet, "transformer": _transformer, "vit": _vit}
