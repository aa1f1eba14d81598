"""Reference outputs of the published networks, from PyTorch code that shares nothing with lsgeo.

Regenerate outputs.npz, after a change here or in weights.py, in an environment with PyTorch (the one of
`make bench`), from the root of the repository:

    python -m tests.reference.torch_networks

Stored, in float64, for the weights, images and labels of weights.py and each NAME in `NETWORKS`:

    logits/NAME            [3, 10] in evaluation mode, with the running statistics; of a NAME in `BLOCKS`
                           the tokens [3, 5, 24]
    names/NAME, shapes/NAME   canonical names and (Flax) shapes of all parameters and statistics
    parameters/NAME        number of parameters; also of the larger networks in `COUNTED`
    batch_logits/resnet20-a   in training mode: the statistics are those of the three images
    gradient_names         the parameters of resnet20-a, and by LOSS and MODE
    gradient/LOSS/MODE     the norm of the gradient for each, LOSS one of "cross_entropy" (mean over the
                           images) and "square" (|logits - one-hot|^2 / 2, mean over the images), MODE
                           "evaluation" or "batch"; the norm of the whole is the root of their squares' sum
    loss/LOSS/MODE         the loss itself
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from tests.reference import weights
from tests.reference.torch_convolutional import ACTIVATED, densenet, preactivation, resnet
from tests.reference.torch_layers import Weights
from tests.reference.torch_transformer import block, vit

OUTPUT = Path(__file__).with_name("outputs.npz")

NETWORKS: dict[str, Callable] = {
    "resnet20-a": partial(resnet, blocks=(3, 3, 3)),
    "resnet20-b": partial(resnet, blocks=(3, 3, 3), shortcut="b"),
    "resnet20-none": partial(resnet, blocks=(3, 3, 3), shortcut="none"),
    "imagenet18": partial(resnet, blocks=(2, 2, 2, 2), stem=7, shortcut="b"),
}
_bottleneck = partial(resnet, blocks=(1, 1, 1, 1), width=8, stem=7, shortcut="b", bottleneck=True)
NETWORKS["imagenet14"] = partial(_bottleneck, strided=0)
NETWORKS["imagenet14-strided-3x3"] = partial(_bottleneck, strided=1)
_padded = partial(preactivation, blocks=(3, 3, 3), shortcut="a")
_preactivation29 = partial(preactivation, blocks=(3, 3, 3), bottleneck=True)
NETWORKS |= {f"preactivation20-a-{a}": partial(_padded, activated=a) for a in ACTIVATED}
# In a bottleneck "first" is "changed": the shape changes in the first block of every stage.
for _activated in ("never", "changed"):
    _own = partial(_preactivation29, activated=_activated)
    NETWORKS[f"preactivation29-{_activated}"] = _own
    NETWORKS[f"preactivation29-{_activated}-strided-3x3"] = partial(_own, strided=1)
    _own = partial(preactivation, activated=_activated)
    NETWORKS[f"wrn16-1-{_activated}"] = partial(_own, blocks=(2, 2, 2))
    NETWORKS[f"wrn10-2-{_activated}"] = partial(_own, blocks=(1, 1, 1), width=32)
NETWORKS |= {
    "densenet-bc-22-12": partial(densenet, blocks=(3, 3, 3)),
    "densenet-13-12": partial(densenet, blocks=(3, 3, 3), bottleneck=False),
    "vit-pre-no-qkv-bias": partial(vit, qkv_bias=False),
}

_ORDERS = {
    order + suffix: {"order": order, "epsilon": epsilon}
    for order in ("pre", "post")
    for suffix, epsilon in {"": 1e-6, "-epsilon-1e-5": 1e-5}.items()
}
NETWORKS |= {f"vit-{name}": partial(vit, **options) for name, options in _ORDERS.items()}
BLOCKS = {f"block-{name}": partial(block, heads=3, **o) for name, o in _ORDERS.items()}


def _wide(depth, k):
    return partial(preactivation, blocks=((depth - 4) // 6,) * 3, width=16 * k)


def _densenet(depth, growth, bottleneck):
    layers = (depth - 4) // (6 if bottleneck else 3)
    return partial(densenet, blocks=(layers,) * 3, growth=growth, bottleneck=bottleneck)


def _vit(width, patch, **options):
    return partial(vit, depth=12, width=width, heads=width // 64, patch=patch, **options)


def _imagenet(*blocks, bottleneck):
    options = {"width": 64, "stem": 7, "shortcut": "b", "classes": 1000}
    return partial(resnet, blocks=blocks, bottleneck=bottleneck, **options)


COUNTED: dict[str, Callable] = {
    f"resnet{d}-{s}": partial(resnet, blocks=((d - 2) // 6,) * 3, shortcut=s)
    for d in (32, 44, 56, 110, 1202)
    for s in ("a", "b", "none")
}
COUNTED |= {
    f"li-wrn56-{k}-{s}": partial(resnet, blocks=(9, 9, 9), width=16 * k, shortcut=s)
    for k in (2, 4, 8)
    for s in ("b", "none")
}
COUNTED |= {
    "preactivation110-a": partial(preactivation, blocks=(18, 18, 18), shortcut="a"),
    "preactivation164": partial(preactivation, blocks=(18, 18, 18), bottleneck=True),
    "preactivation1001": partial(preactivation, blocks=(111, 111, 111), bottleneck=True),
    "wrn16-4": _wide(16, 4),
    "wrn28-10": _wide(28, 10),
    "wrn40-2": _wide(40, 2),
    "wrn16-8": _wide(16, 8),
    "densenet-40-12": _densenet(40, 12, False),
    "densenet-100-12": _densenet(100, 12, False),
    "densenet-100-24": _densenet(100, 24, False),
    "densenet-bc-40-12": _densenet(40, 12, True),
    "densenet-bc-100-12": _densenet(100, 12, True),
    "densenet-bc-250-24": _densenet(250, 24, True),
    "densenet-bc-190-40": _densenet(190, 40, True),
    "resnet18-cifar-stem": partial(resnet, blocks=(2, 2, 2, 2), width=64, shortcut="b"),
    "resnet18": _imagenet(2, 2, 2, 2, bottleneck=False),
    "resnet34": _imagenet(3, 4, 6, 3, bottleneck=False),
    "resnet50": _imagenet(3, 4, 6, 3, bottleneck=True),
    "resnet101": _imagenet(3, 4, 23, 3, bottleneck=True),
    "resnet152": _imagenet(3, 8, 36, 3, bottleneck=True),
    "vit-ti-4": _vit(192, 4),
    "vit-s-4": _vit(384, 4),
    "vit-ti-2-cifar100-no-qkv-bias": _vit(192, 2, classes=100, qkv_bias=False),
    "vit-ti-16-imagenet": _vit(192, 16, classes=1000),
    "vit-s-16-imagenet": _vit(384, 16, classes=1000),
    "vit-b-16-imagenet": _vit(768, 16, classes=1000),
}


def _inputs(name, dtype):
    array = weights.tokens() if name in BLOCKS else weights.images()
    tensor = torch.tensor(array, dtype=dtype)
    return tensor if name in BLOCKS else tensor.permute(0, 3, 1, 2)


def _outputs(name, network):
    w = Weights()
    logits = network(w, _inputs(name, torch.float64)).detach()
    single = network(Weights(dtype=torch.float32), _inputs(name, torch.float32)).detach()
    deviation = float((single - logits).abs().max() / logits.abs().max())
    print(f"{name:40} {w.count():9,} parameters, deviation of float32 {deviation:.1e}")
    return {
        f"logits/{name}": logits.numpy(),
        f"parameters/{name}": w.count(),
        f"names/{name}": np.array(list(w.tensors)),
        f"shapes/{name}": np.array([" ".join(map(str, t.shape)) for t in w.tensors.values()]),
    }


def _count(name, network):
    size = 224 if name.endswith("imagenet") else 32
    w = Weights(device="meta")
    network(w, torch.empty((1, 3, size, size), dtype=w.dtype, device="meta"))
    print(f"{name:40} {w.count():11,} parameters")
    return w.count()


def _losses(logits):
    labels = torch.tensor(weights.LABELS)
    one_hot = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return {
        "cross_entropy": F.cross_entropy(logits, labels),
        "square": ((logits - one_hot) ** 2).sum(1).mean() / 2,
    }


def _gradients(name):
    stored = {}
    for mode in ("evaluation", "batch"):
        w = Weights(train=mode == "batch")
        logits = NETWORKS[name](w, _inputs(name, torch.float64))
        for loss, value in _losses(logits).items():
            gradient = torch.autograd.grad(value, w.parameters().values(), retain_graph=True)
            stored[f"gradient/{loss}/{mode}"] = np.array([float(g.norm()) for g in gradient])
            stored[f"loss/{loss}/{mode}"] = float(value.detach())
    return {
        "gradient_names": np.array(list(w.parameters())),
        f"batch_logits/{name}": logits.detach().numpy(),  # Of the last mode.
        **stored,
    }


def main():
    arrays = {}
    for name, network in (NETWORKS | BLOCKS).items():
        arrays |= _outputs(name, network)
    arrays |= _gradients("resnet20-a")
    arrays |= {f"parameters/{name}": _count(name, network) for name, network in COUNTED.items()}
    np.savez_compressed(OUTPUT, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
