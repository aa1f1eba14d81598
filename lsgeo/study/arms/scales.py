"""Skips that differ in one number: a shortcut's factor (C11) and length (C20), a branch's scale (C19)."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from lsgeo.plotting import Style
from lsgeo.study.arms.records import Arm

# Names that are older than the row they stand in; the others are called by their factor.
_NAMES = {0.5: ("halved", "halved skip", "with skips times 1/2")}
# A factor of 0 is the arm "plain", one of 1 is "residual".
_FACTORS = (0.25, 0.5, 0.75, 0.9, 1.1, 1.25)


def _factors():
    # One ramp of colours from small to large, with a contrast of 4.4 to white, of 4.5 to the dark page.
    light, dark = np.linspace(0.0, 0.5, len(_FACTORS)), np.linspace(0.55, 1.0, len(_FACTORS))
    for k, factor in enumerate(_FACTORS):
        called = f"shortcut-{factor:g}", f"skip times {factor:g}", f"with skips times {factor:g}"
        name, label, phrase = _NAMES.get(factor, called)
        # Polygons with a corner more each time, and dots that come closer.
        style = Style(_color(light[k]), (k + 5, 0, 90), (0, (1, 6 - k, 4, 6 - k)))
        skip = f"constant(scale={factor:g})"
        yield Arm(name, label, phrase, skip, style, _color(dark[k]))


def _color(place):
    return to_hex(colormaps["plasma"](float(place)))


FACTORS = tuple(_factors())

POWERS = (
    Arm(
        "inverse",
        "skip, branch / L",
        "with branches divided by depth",
        "scaled(power=1)",
        Style("#2a5500", (4, 0, 20), (0, (2, 2, 2, 2, 8, 2))),
        "#2a9500",
    ),
)

# Two layers under each shortcut; a bare one, and one as in the arm "scaled".
LENGTHS = (
    Arm(
        "two-layer",
        "two-layer blocks",
        "with skips over two layers",
        "identity",
        Style("#002a00", (5, 0, 0), (0, (3, 1, 3, 4))),
        "#8080aa",
        options=(("block", "two_layer"),),
        models=("mlp",),
    ),
    Arm(
        "two-layer-scaled",
        "scaled two-layer blocks",
        "with scaled skips over two layers",
        "scaled",
        Style("#551500", (10, 1, 0), (0, (1, 1, 1, 4))),
        "#00d400",
        options=(("block", "two_layer"),),
        models=("mlp",),
    ),
)
