"""Published networks by name: a family, its options, and the number of parameters that it must have."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Published:
    """A network of a paper.

    Attributes:
      family: name of the model family.
      options: of the family.
      num_parameters: of the network with `input_shape`; batch norm's scale and bias counted, its running
        statistics not.
      source: the paper.
      input_shape: height, width and channels of an image.
    """

    family: str
    options: dict[str, Any]
    num_parameters: int
    source: str
    input_shape: tuple[int, int, int] = (32, 32, 3)


def _cifar_resnets():
    he, li = "He et al. 2016, section 4.2", "Li et al. 2018"
    padded = {
        20: 269_722,
        32: 464_154,
        44: 658_586,
        56: 853_018,
        110: 1_727_962,
        1202: 19_421_274,
    }
    projected = {20: 272_474, 32: 466_906, 44: 661_338, 56: 855_770, 110: 1_730_714}
    without_norm = {20: 268_346, 32: 461_882, 56: 848_954, 110: 1_719_866}
    wide = {2: (3_412_394, 3_401_770), 4: (13_628_234, 13_586_506), 8: (54_470_282, 54_304_906)}
    rows = {f"resnet-{d}": ({"depth": d}, n, he) for d, n in padded.items()}
    for d, n in projected.items():
        source = "He et al. 2016, section 3.3, option B; Li et al. 2018"
        rows[f"resnet-{d}-b"] = ({"depth": d, "shortcut": "b"}, n, source)
    for d in (20, 56, 110):
        rows[f"plain-{d}"] = ({"depth": d, "skip": "none"}, padded[d], f"{he}; {li}")
    for d, n in without_norm.items():
        rows[f"resnet-{d}-no-bn"] = ({"depth": d, "norm": "none"}, n, "Yao et al. 2020")
    for k, (with_skip, without) in wide.items():
        options = {"depth": 56, "width": 16 * k, "shortcut": "b"}
        rows[f"li-wrn-56-{k}"] = (options, with_skip, li)
        rows[f"li-wrn-56-{k}-plain"] = ({**options, "skip": "none"}, without, li)
    return {name: Published("resnet", *row) for name, row in rows.items()}


def _preactivation_resnets():
    he, wide = "He et al. 2016b", "Zagoruyko and Komodakis 2016"
    shared = {"preactivation": True, "shortcut": "b", "shared_activation": "changed"}
    rows = {
        "preresnet-110": ({"depth": 110, "preactivation": True}, 1_727_962, he),
        "preresnet-164": ({"depth": 164, "bottleneck": True, **shared}, 1_703_258, he),
        # 1 % above the paper's 10.2M: its convention differs.
        "preresnet-1001": ({"depth": 1001, "bottleneck": True, **shared}, 10_327_706, he),
        "wrn-16-4": ({"depth": 16, "widen": 4, **shared}, 2_748_890, wide),
        "wrn-28-10": ({"depth": 28, "widen": 10, **shared}, 36_479_194, wide),
        "wrn-40-2": ({"depth": 40, "widen": 2, **shared}, 2_243_546, wide),
        "wrn-16-8": ({"depth": 16, "widen": 8, **shared}, 10_961_370, wide),
    }
    return {name: Published("resnet", *row) for name, row in rows.items()}


def _imagenet_resnets():
    shared = {"width": 64, "shortcut": "b"}
    large = {**shared, "stem": "7x7", "num_classes": 1000}
    rows = {
        18: ((2, 2, 2, 2), False, 11_689_512),
        34: ((3, 4, 6, 3), False, 21_797_672),
        50: ((3, 4, 6, 3), True, 25_557_032),
        101: ((3, 4, 23, 3), True, 44_549_160),
        152: ((3, 8, 36, 3), True, 60_192_808),
    }
    source = "He et al. 2016, table 1, option B"
    networks = {}
    for depth, (blocks, bottleneck, count) in rows.items():
        options = {"depth": depth, "blocks": blocks, "bottleneck": bottleneck, **large}
        networks[f"resnet-{depth}"] = Published("resnet", options, count, source, (224, 224, 3))
    small = {"depth": 18, "blocks": (2, 2, 2, 2), **shared}
    networks["resnet-18-cifar"] = Published("resnet", small, 11_173_962, f"{source}; 3x3 stem")
    return networks


PUBLISHED: dict[str, Published] = {
    **_cifar_resnets(),
    **_preactivation_resnets(),
    **_imagenet_resnets(),
}


def _densenets():
    plain = {(40, 12): 1_019_722, (100, 12): 6_979_642, (100, 24): 27_249_082}
    compressed = {
        (40, 12): 176_122,
        (100, 12): 769_162,
        (250, 24): 15_324_406,
        (190, 40): 25_624_430,
    }
    source = "Huang et al. 2017, table 2"
    networks = {}
    for (depth, growth), count in plain.items():
        options = {"depth": depth, "growth": growth}
        networks[f"densenet-{depth}-{growth}"] = Published("densenet", options, count, source)
    for (depth, growth), count in compressed.items():
        options = {"depth": depth, "growth": growth, "width": 2 * growth}
        options |= {"bottleneck": True, "compression": 0.5}
        networks[f"densenet-bc-{depth}-{growth}"] = Published("densenet", options, count, source)
    return networks


def _vision_transformers():
    tiny, small, base = ({"width": 64 * heads, "heads": heads} for heads in (3, 6, 12))
    cifar, imagenet = {"shape": (32, 32, 3)}, {"shape": (224, 224, 3), "num_classes": 1000}
    deit, park = "Touvron et al. 2021, table 1", "Park and Kim 2022"
    rows = {
        "vit-ti-4": ({**tiny, **cifar, "patch": 4}, 5_362_762, deit),
        "vit-s-4": ({**small, **cifar, "patch": 4}, 21_342_346, deit),
        # Of CIFAR-100.
        "vit-ti-2": (
            {**tiny, **cifar, "patch": 2, "num_classes": 100, "qkv_bias": False},
            5_403_172,
            park,
        ),
        "vit-ti-16": ({**tiny, **imagenet, "patch": 16}, 5_717_416, deit),
        "vit-s-16": ({**small, **imagenet, "patch": 16}, 22_050_664, deit),
        "vit-b-16": (
            {**base, **imagenet, "patch": 16},
            86_567_656,
            "Dosovitskiy et al. 2021, table 1",
        ),
    }
    networks = {}
    for name, (options, count, source) in rows.items():
        shape = options.pop("shape")
        options = {"depth": 12, "qkv_bias": True, "epsilon": 1e-6, **options}
        networks[name] = Published("vit", options, count, source, shape)
    return networks


def _mixers():
    networks = {}
    for size, depth, width, count in (("s", 8, 512, 18_528_264), ("b", 12, 768, 59_880_472)):
        options = {"depth": depth, "width": width, "token_width": width // 2, "token_bias": True}
        options |= {"patch": 16, "num_classes": 1000, "epsilon": 1e-6}
        source = "Tolstikhin et al. 2021, table 1"
        networks[f"mixer-{size}-16"] = Published("mixer", options, count, source, (224, 224, 3))
    return networks


PUBLISHED |= {**_densenets(), **_vision_transformers(), **_mixers()}
