"""The vision transformer and its encoder block, pre-LN and post-LN, from the papers' equations."""

import math

import torch
import torch.nn.functional as F

from tests.reference.torch_layers import Weights, dense, layer_norm

EPSILON = 1e-6  # Of the published ViT; PyTorch's own default is 1e-5.


def _attention(w, name, x, heads, qkv_bias):
    # Vaswani et al. 2017, 3.2: softmax(Q K' / sqrt(width of a head)) V, heads side by side.
    width = x.shape[-1]
    split = (*x.shape[:-1], heads, width // heads)
    query, key, value = (
        dense(w, f"{name}/{role}", x, width, qkv_bias).reshape(split)
        for role in ("query", "key", "value")
    )
    scores = torch.einsum("nqhc,nkhc->nhqk", query, key) / math.sqrt(width // heads)
    mixed = torch.einsum("nhqk,nkhc->nqhc", scores.softmax(-1), value)
    return dense(w, f"{name}/out", mixed.flatten(2), width)


def _mlp(w, name, x):
    hidden = F.gelu(dense(w, f"{name}/dense_0", x, 4 * x.shape[-1]))  # Exact, not the tanh form.
    return dense(w, f"{name}/dense_1", hidden, x.shape[-1])


def block(
    w: Weights,
    x: torch.Tensor,
    *,
    heads: int,
    order: str = "pre",
    qkv_bias: bool = True,
    epsilon: float = EPSILON,
    name: str = "block_0",
) -> torch.Tensor:
    """Maps tokens [N, T, D] by attention, then by an MLP of 4 D hidden units.

    `order`: "pre" is x + F(LN(x)), "post" is LN(x + F(x)), for each of the two.
    """
    branches = (
        ("attention", lambda y: _attention(w, f"{name}/attention", y, heads, qkv_bias)),
        ("mlp", lambda y: _mlp(w, f"{name}/mlp", y)),
    )
    for role, branch in branches:
        norm = f"{name}/{role}_norm"
        if order == "pre":
            x = x + branch(layer_norm(w, norm, x, epsilon))
        else:
            x = layer_norm(w, norm, x + branch(x), epsilon)
    return x


def vit(
    w: Weights,
    images: torch.Tensor,
    *,
    depth: int = 2,
    width: int = 24,
    heads: int = 3,
    patch: int = 4,
    order: str = "pre",
    qkv_bias: bool = True,
    epsilon: float = EPSILON,
    classes: int = 10,
) -> torch.Tensor:
    """Dosovitskiy et al. 2021: patches row by row behind a class token, whose last state is classified.

    Pre-LN ends with a LayerNorm; post-LN has the one of its last block.
    """
    kernel = w("patches/kernel", patch, patch, images.shape[1], width)
    x = F.conv2d(images, kernel.permute(3, 2, 0, 1), w("patches/bias", width), stride=patch)
    x = x.flatten(2).mT
    x = torch.cat([w("class_token", width).expand(len(x), 1, width), x], 1)
    x = x + w("positions", x.shape[1], width)
    options = {"heads": heads, "order": order, "qkv_bias": qkv_bias, "epsilon": epsilon}
    for i in range(depth):
        x = block(w, x, name=f"block_{i}", **options)
    if order == "pre":
        x = layer_norm(w, "final_norm", x, epsilon)
    return dense(w, "head", x[:, 0], classes)
