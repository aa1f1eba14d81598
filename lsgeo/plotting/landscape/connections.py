"""The loss and its curvature along paths between two networks."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes

from lsgeo.plotting._names import legend, shown
from lsgeo.plotting.style import INK, SMALL_SIZE, arm_style, dress

_LINES = ((0, (1, 1.5)), (0, (5, 1.5)), "-", (0, (6, 1.5, 1, 1.5)), (0, (3, 1.5, 1, 1.5, 1, 1.5)))


class Profile(Protocol):
    """What is drawn of a barrier: places on the path and losses."""

    ts: np.ndarray  # (m,)
    losses: np.ndarray  # (m,)


class Ends(Protocol):
    """What is drawn of the curvature along a path: places, eigenvalues, and their errors."""

    ts: np.ndarray  # (m,)
    lowest: np.ndarray  # (m,)
    highest: np.ndarray  # (m,)
    residuals: np.ndarray  # (m, 2)


def loss_profiles(profiles: Mapping[str, Profile], ax: Axes, *, arm: str) -> None:
    """Draws the loss along paths between the same two networks, one line style per path.

    Losses that are not finite leave a gap.

    Args:
      profiles: name of the path -> Barrier, at most five.
      ax: matplotlib Axes; its y axis becomes logarithmic.
      arm: kind of network, which gives the colour.

    Raises:
      ValueError: for no path or too many, or no positive loss at all.
    """
    if not 0 < len(profiles) <= len(_LINES):
        raise ValueError(f"`profiles` must hold 1 to {len(_LINES)} paths; got {len(profiles)}.")
    values = np.concatenate([np.ravel(profile.losses) for profile in profiles.values()])
    if not np.any(np.isfinite(values) & (values > 0)):
        raise ValueError("`profiles` must hold at least one finite positive loss; got none.")
    style = arm_style(arm)
    for line, (name, profile) in zip(_LINES, profiles.items(), strict=False):
        losses = np.where(np.isfinite(profile.losses), profile.losses, np.nan)
        ax.plot(
            profile.ts, losses, color=style.color, linestyle=line, linewidth=1.4, label=shown(name)
        )
    ax.set_yscale("log")
    ax.set_xlim(0, 1)
    dress(ax, x="place on the path, t (share)", y="training loss (nats per example)")
    ax.set_title(shown(arm), color=style.color, fontsize=SMALL_SIZE + 2, fontweight="bold")
    legend(ax, below=0.16, ncols=2, handlelength=3)


def curvature_profile(curvatures: Mapping[str, Ends], ax: Axes) -> None:
    """Draws the highest and the lowest Hessian eigenvalue along one path per kind of network.

    Bars are the residuals, within which an eigenvalue lies; around zero the axis is linear.

    Args:
      curvatures: arm -> CurveCurvature.
      ax: matplotlib Axes; its y axis becomes logarithmic on both sides of a stretch around zero.

    Raises:
      ValueError: for no path.
    """
    if not curvatures:
        raise ValueError("`curvatures` must hold at least one CurveCurvature; got none.")
    for arm, found in curvatures.items():
        style = arm_style(arm)
        for side, line, name in ((1, "-", "highest"), (0, ":", "lowest")):
            ax.errorbar(
                found.ts,
                (found.lowest, found.highest)[side],
                yerr=found.residuals[:, side],
                color=style.color,
                marker=style.marker,
                markersize=4,
                linestyle=line,
                linewidth=1.2,
                capsize=3,
                label=f"{shown(arm)}, {name}",
            )
    # Around zero the axis is linear as far as eigenvalues cannot be told from it.
    blurs = [np.max(found.residuals, initial=0) for found in curvatures.values()]
    sizes = [np.max(np.abs([found.lowest, found.highest])) for found in curvatures.values()]
    blur = max(*blurs, 1e-3 * max(sizes)) or 1.0
    ax.set_yscale("symlog", linthresh=10.0 ** np.ceil(np.log10(blur)), linscale=0.5)
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.margins(y=0.1)
    ax.set_xlim(-0.02, 1.02)
    dress(ax, x="place on the path, t (share)", y="eigenvalue (nats / parameter²)")
    legend(ax, below=0.16, ncols=2, handlelength=3)
