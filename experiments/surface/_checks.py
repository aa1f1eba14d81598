"""What a configuration of surfaces must not be."""

from collections.abc import Iterable
from typing import Any

from experiments.common.fields import check_choice, check_least
from experiments.common.network import Network
from experiments.surface._layouts import POLICIES, UNITS

LED_TO = {"other": ("other",), "three": ("other", "third")}  # the networks that directions need


def check(config: Any) -> None:
    """Raises a ValueError for a bad field, by its name."""
    check_least(config, resolution=3, planes=1, chunk=1)
    for name in ("nx", "ny"):
        if getattr(config, name) < 3 and getattr(config, name) != 0:
            raise ValueError(
                f"`{name}` must be at least 3, or 0 for `resolution`; got {getattr(config, name)}."
            )
    if config.dimensions not in (1, 2):
        raise ValueError(f"`dimensions` must be 1 or 2; got {config.dimensions}.")
    check_choice(config, directions=UNITS, batch_stats=POLICIES, small_leaves=("zero", "keep"))
    _check_others(config)
    for axis in "xy":
        low, high = getattr(config, f"{axis}_min"), getattr(config, f"{axis}_max")
        if not low < high:
            raise ValueError(f"`{axis}_min` must be below `{axis}_max`; got {low} and {high}.")


def _check_others(config):
    kind = config.directions
    for name in ("other", "third"):
        if bool(getattr(config, name)) != (name in LED_TO.get(kind, ())):
            raise ValueError(
                f"`{name}` is {getattr(config, name)!r}, and `directions` is {kind!r}: 'other' leads to the "
                "network of `other`, 'three' also needs `third`, all else needs neither."
            )
    if config.twin and kind in LED_TO:
        raise ValueError(
            f"`twin` cannot be on a plane that leads to `other`; make one run each (`directions` is {kind!r})."
        )
    if kind == "three" and config.dimensions == 1:
        raise ValueError("`dimensions` must be 2 for the plane through 'three' networks; got 1.")


def check_arms(config: Any, networks: Iterable[Network]) -> None:
    """Raises a ValueError where a figure could not tell two networks apart."""
    arms = [network.arm for network in networks]
    if config.figure and len(set(arms)) < len(arms):
        raise ValueError(
            f"`run` and `twin` are both called {arms[0]!r} in figures. Take networks of different skip types, "
            "make one run for each, or set `figure` to False."
        )
