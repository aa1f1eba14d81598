"""ResNets, pre-activation and wide ResNets, DenseNets: forward passes from the papers' equations.

Images are [N, C, H, W]; each network is a function of `Weights` and images that returns logits.
"""

import torch
import torch.nn.functional as F

from tests.reference.torch_layers import Weights, batch_norm, conv, pool_and_classify

ACTIVATED = ("never", "changed", "first")


def _option_a(x, channels, stride):
    # He et al. 2016, 3.3: every second pixel, and zeros for the missing channels, half on each side.
    missing = channels - x.shape[1]
    x = x[:, :, ::stride, ::stride]
    return F.pad(x, (0, 0, 0, 0, missing // 2, missing - missing // 2))


def _sizes_and_channels(width, bottleneck):
    return ((1, width), (3, width), (1, 4 * width)) if bottleneck else ((3, width), (3, width))


def resnet(
    w: Weights,
    images: torch.Tensor,
    *,
    blocks: tuple[int, ...],
    width: int = 16,
    shortcut: str = "a",
    bottleneck: bool = False,
    strided: int = 0,
    stem: int = 3,
    classes: int = 10,
) -> torch.Tensor:
    """He et al. 2016: relu(S(x) + BN(W_2 relu(BN(W_1 x)))), widths doubling from stage to stage.

    `shortcut`: "a" padding; "b" where the shape changes a 1x1 convolution with BN; "none" no `S(x) +`
    anywhere. `strided`: which convolution of a transition has the stride (0 the paper's; in a
    bottleneck 1 is the 3x3). `stem`: 3, or 7 with stride 2 and a 3x3 max pool of stride 2.
    """
    x = conv(w, "stem/conv", images, width, stem, stride=1 if stem == 3 else 2)
    x = batch_norm(w, "stem/norm", x).relu()
    if stem == 7:
        x = F.max_pool2d(x, 3, stride=2, padding=1)
    for stage, num_blocks in enumerate(blocks):
        layers = _sizes_and_channels(width * 2**stage, bottleneck)
        for i in range(num_blocks):
            name = f"stage_{stage}/block_{i}"
            stride = 2 if stage > 0 and i == 0 else 1
            branch = x
            for k, (size, channels) in enumerate(layers):
                branch = branch.relu() if k > 0 else branch
                step = stride if k == strided else 1
                branch = conv(w, f"{name}/conv_{k}", branch, channels, size, step)
                branch = batch_norm(w, f"{name}/norm_{k}", branch)
            changes = stride != 1 or x.shape[1] != branch.shape[1]
            if shortcut == "none":
                x = branch.relu()
                continue
            if changes and shortcut == "b":
                x = conv(w, f"{name}/shortcut/conv", x, branch.shape[1], 1, stride)
                x = batch_norm(w, f"{name}/shortcut/norm", x)
            elif changes:
                x = _option_a(x, branch.shape[1], stride)
            x = (x + branch).relu()
    return pool_and_classify(w, x, classes)


def preactivation(
    w: Weights,
    images: torch.Tensor,
    *,
    blocks: tuple[int, ...],
    width: int = 16,
    shortcut: str = "conv",
    bottleneck: bool = False,
    strided: int = 0,
    activated: str = "never",
    classes: int = 10,
) -> torch.Tensor:
    """He et al. 2016b: x + W_2 relu(BN(W_1 relu(BN(x)))); BN and relu once more at the end.

    The stem has 16 channels and no BN. `shortcut`: "a" padding, or "conv", a 1x1 convolution
    without BN where the shape changes. `activated`: which shortcuts start from relu(BN(x)), the
    branch's own input, instead of x: "never", "changed" (where the shape changes, as Zagoruyko and
    Komodakis 2016 do), or "first" (in the first block of each stage). `width` 16 k is a wide ResNet.
    """
    x = conv(w, "stem/conv", images, 16, 3)
    for stage, num_blocks in enumerate(blocks):
        layers = _sizes_and_channels(width * 2**stage, bottleneck)
        for i in range(num_blocks):
            name = f"stage_{stage}/block_{i}"
            stride = 2 if stage > 0 and i == 0 else 1
            out = layers[-1][1]
            changes = stride != 1 or x.shape[1] != out
            branch = batch_norm(w, f"{name}/norm_0", x).relu()
            if {"never": False, "changed": changes, "first": i == 0}[activated]:
                x = branch
            if changes and shortcut == "conv":
                x = conv(w, f"{name}/shortcut/conv", x, out, 1, stride)
            elif changes:
                x = _option_a(x, out, stride)
            for k, (size, channels) in enumerate(layers):
                if k > 0:
                    branch = batch_norm(w, f"{name}/norm_{k}", branch).relu()
                step = stride if k == strided else 1
                branch = conv(w, f"{name}/conv_{k}", branch, channels, size, step)
            x = x + branch
    return pool_and_classify(w, batch_norm(w, "final_norm", x).relu(), classes)


def densenet(
    w: Weights,
    images: torch.Tensor,
    *,
    blocks: tuple[int, ...],
    growth: int = 12,
    bottleneck: bool = True,
    classes: int = 10,
) -> torch.Tensor:
    """Huang et al. 2017: each layer's `growth` channels are appended behind all that came before.

    With a bottleneck (DenseNet-BC) a layer is BN-relu-conv1x1(4 growth)-BN-relu-conv3x3(growth), the
    stem has 2 growth channels and transitions keep half of theirs; without, BN-relu-conv3x3(growth),
    16 and all of them.
    """
    x = conv(w, "stem/conv", images, 2 * growth if bottleneck else 16, 3)
    layers = ((1, 4 * growth), (3, growth)) if bottleneck else ((3, growth),)
    for stage, num_layers in enumerate(blocks):
        if stage > 0:
            name = f"transition_{stage - 1}"
            kept = x.shape[1] // 2 if bottleneck else x.shape[1]
            x = conv(w, f"{name}/conv", batch_norm(w, f"{name}/norm", x).relu(), kept, 1)
            x = F.avg_pool2d(x, 2)
        for i in range(num_layers):
            name = f"stage_{stage}/block_{i}"
            new = x
            for k, (size, channels) in enumerate(layers):
                new = batch_norm(w, f"{name}/norm_{k}", new).relu()
                new = conv(w, f"{name}/conv_{k}", new, channels, size)
            x = torch.cat([x, new], 1)
    return pool_and_classify(w, batch_norm(w, "final_norm", x).relu(), classes)
