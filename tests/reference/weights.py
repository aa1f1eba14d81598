"""Weights, statistics and images by a rule, so that two frameworks share them and no file is needed.

An array follows from its canonical name and its shape alone. Names are paths whose last part is the
role, which decides the range of the values (`values`):

    stem/conv/kernel                  stem/norm/{scale,bias,mean,var}      the stem has no norm in
                                                                           pre-activation nets
    stage_1/block_0/conv_0/kernel     stage_1/block_0/norm_0/{scale,...}   in the order of use
    stage_1/block_0/shortcut/conv/kernel, .../shortcut/norm/{scale,...}    projections
    transition_0/norm/{scale,...}, transition_0/conv/kernel                DenseNet
    final_norm/{scale,...}            head/kernel, head/bias
    patches/{kernel,bias}             class_token, positions               ViT
    block_0/attention_norm/{scale,bias}, block_0/attention/{query,key,value,out}/{kernel,bias}
    block_0/mlp_norm/{scale,bias}, block_0/mlp/dense_{0,1}/{kernel,bias}

Shapes are those of Flax: output units last, convolutions (height, width, in, out), images NHWC.
Values are drawn in row-major order, so an axis may be split or a leading 1 put before: a query
kernel (d, heads, unit) holds the numbers of (d, heads * unit), a class token (1, 1, d) those of (d,).
"""

import hashlib
import math
from collections.abc import Callable, Mapping

import numpy as np

LABELS = np.array([1, 4, 7])
_SPLIT_OUTPUTS = ("query/kernel", "key/kernel", "value/kernel")


def values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Makes the array of a canonical name; the same numbers on every machine and NumPy version.

    With u uniform on [-1, 1): kernels are u sqrt(6 / fan_in), which has He's variance 2 / fan_in;
    scales 1 + u / 4, biases and running means u / 4, running variances 1 + u / 2, and all else
    (images, tokens, positions, class token) u sqrt(3), of variance 1.

    Args:
      name: canonical name, the only source of the random bits.
      shape: decides the number of values and the fan-in.

    Returns:
      float64 array in which each number is exact in float32, so that both precisions share it.
    """
    # Only the raw bits of a bit generator are the same in every version of NumPy.
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    bits = np.random.PCG64(seed).random_raw(math.prod(shape)) >> np.uint64(40)
    u = bits.astype(np.float64) * 2.0**-23 - 1
    role = name.rsplit("/", 1)[-1]
    offset = {"scale": 1.0, "var": 1.0}.get(role, 0.0)
    factor = {"scale": 0.25, "bias": 0.25, "mean": 0.25, "var": 0.5}.get(role, math.sqrt(3))
    if role == "kernel":
        factor = math.sqrt(6 / _fan_in(name, shape))
    return (offset + factor * u).astype(np.float32).astype(np.float64).reshape(shape)


def _fan_in(name, shape):
    return shape[0] if name.endswith(_SPLIT_OUTPUTS) else math.prod(shape[:-1])


def images(size: int = 32, channels: int = 3) -> np.ndarray:
    """Makes the three images, [3, size, size, channels]; `LABELS` are their classes.

    Four by four coloured squares with noise: noise alone would look the same after pooling.
    """
    squares = values("squares", (len(LABELS), 4, 4, channels))
    noise = values("noise", (len(LABELS), size, size, channels))
    return squares.repeat(size // 4, 1).repeat(size // 4, 2) + noise / 2


def tokens() -> np.ndarray:
    """Makes the input of a lone encoder block, [3, 5, 24]."""
    return values("tokens", (len(LABELS), 5, 24))


def fill(
    shapes: Mapping[str, tuple[int, ...]], rename: Callable[[str], str]
) -> dict[str, np.ndarray]:
    """Fills a flat tree of parameters and statistics.

    Args:
      shapes: shape of each leaf by its path in the model at hand.
      rename: gives the canonical name of such a path.

    Returns:
      Arrays by the paths of `shapes`.

    Raises:
      ValueError: if two paths are renamed alike.
    """
    paths = {}
    for path in shapes:
        name = rename(path)
        if name in paths:
            raise ValueError(
                f"`rename` gives {path!r} and {paths[name]!r} the same name, {name!r}; "
                "each leaf needs its own."
            )
        paths[name] = path
    return {path: values(name, shapes[path]) for name, path in paths.items()}
