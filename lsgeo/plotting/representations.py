"""Figures of what layers hold and hand on: similarity maps, backward lesions, feature reuse."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import SymLogNorm
from matplotlib.ticker import MaxNLocator

from lsgeo.plotting._names import head, legend, shown
from lsgeo.plotting.style import FAINT, INK, SMALL_SIZE, TEXT_SIZE, arm_style, dress, plain_ticks


def layer_map(
    values: np.ndarray,
    ax: Axes,
    *,
    title: str,
    x: str,
    y: str,
    bar: str,
    arm: str = "",
    low: float = 0.0,
) -> None:
    """Draws a number from `low` to 1 for each pair of layers, as colours; NaN stays empty.

    Args:
      values: [rows, columns]; row 0 is at the bottom.
      ax: matplotlib Axes.
      title: of the panel; `arm`, a name of `ARMS`, is written before it in its colour.
      x: label of the columns.
      y: label of the rows.
      bar: label of the colours, with the unit.
      arm: of the network.
      low: lower end of the colours.
    """
    drawn = ax.imshow(values, origin="lower", cmap="viridis", vmin=low, vmax=1.0, aspect="equal")
    _frame(
        ax, x, y, f"{shown(arm)}: {title}" if arm else title, arm_style(arm).color if arm else INK
    )
    _bar(drawn, ax, bar, "min" if np.any(values < low) else "neither")


def lesion_shares(networks: Sequence[tuple[str, np.ndarray, float, float]], ax: Axes) -> None:
    """Draws the share of the gradient that comes through each branch; bars add up to the effective depth.

    Args:
      networks: tuples (arm, shares [branches], effective depth, its standard error).
      ax: matplotlib Axes.
    """
    dress(ax, x="branch cut in the backward pass", y="share of the gradient lost")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    width = 0.8 / len(networks)
    texts = []
    for rank, (arm, shares, depth, error) in enumerate(networks):
        places = np.arange(len(shares)) + width * (rank - (len(networks) - 1) / 2)
        color = arm_style(arm).color
        ax.bar(places, shares, width=width, color=color)
        margin = f" ± {error:.1g}" if np.isfinite(error) and error > 0 else ""
        texts.append((f"{shown(arm)}: {depth:.3g}{margin} of {len(shares)} blocks deep", color))
    head(ax, texts)
    ax.axhline(0, color=INK, linewidth=0.6)


def reuse_map(
    values: np.ndarray,
    sources: Sequence[str],
    targets: Sequence[str],
    ax: Axes,
    *,
    title: str,
    bar: str,
    signed: bool = False,
) -> None:
    """Draws the strength of every connection of a concatenating network; what is not connected stays empty.

    Args:
      values: [sources, targets], NaN where not connected.
      sources: names, from the input to the output.
      targets: likewise.
      ax: matplotlib Axes.
      title: of the panel.
      bar: label of the colours, with the unit.
      signed: True for colours of both signs around zero, logarithmic away from it.
    """
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0)) or 1.0
    if signed:
        norm = SymLogNorm(largest / 30, vmin=-largest, vmax=largest)
        drawn = ax.imshow(values, origin="lower", cmap="PuOr_r", norm=norm, aspect="equal")
    else:
        drawn = ax.imshow(values, origin="lower", cmap="viridis", vmin=0, aspect="equal")
    _frame(ax, "reading layer", "source of the features", title, INK)
    ax.set_xticks(range(len(targets)), [_short(name) for name in targets], rotation=90)
    ax.set_yticks(range(len(sources)), [_short(name) for name in sources])
    ax.tick_params(labelsize=SMALL_SIZE - 2, length=0)
    _bar(drawn, ax, bar, "neither")


def branch_strength(values: Mapping[str, Mapping[int, np.ndarray]], ax: Axes) -> None:
    """Draws the largest singular value of a branch's Jacobian against depth, and a line of slope -1.

    Args:
      values: arm -> depth -> a value for each example; the mean and the 5 % to 95 % range are drawn.
      ax: matplotlib Axes.
    """
    dress(ax, x="depth (blocks)", y="largest singular value of a branch")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    for arm, by_depth in values.items():
        if not by_depth:
            continue
        style, depths = arm_style(arm), sorted(by_depth)
        means = np.array([np.mean(by_depth[depth]) for depth in depths])
        ends = np.array([np.quantile(by_depth[depth], [0.05, 0.95]) for depth in depths]).T
        ax.vlines(depths, *ends, color=style.color, linewidth=1)
        line = {"color": style.color, "linestyle": style.line, "marker": style.marker}
        ax.plot(depths, means, ms=4, label=shown(arm), **line)
        if arm == next(iter(values)):
            ax.plot(depths, means[0] * depths[0] / np.array(depths), color=FAINT, label="1 / depth")
    all_depths = sorted({depth for by_depth in values.values() for depth in by_depth})
    ax.set_xticks(all_depths, [str(depth) for depth in all_depths])
    ax.xaxis.minorticks_off()
    plain_ticks(ax.yaxis)
    legend(ax, labelcolor=None)


def representation_panels(networks: Sequence[tuple[str, Mapping[str, np.ndarray]]]) -> list:
    """Panels of one or two networks, functions of an Axes: CKA, alignment, and both networks' lesions.

    Args:
      networks: pairs of an arm and its arrays: cka [L + 1, L + 1], lesion_shares, effective_depth and its
        error, and where there is a chain of blocks alignment [L, L] and chance. Two may be of one arm.
    """
    lesions = [
        (arm, e["lesion_shares"], float(e["effective_depth"]), float(e["effective_depth_error"]))
        for arm, e in networks
    ]
    alike = {"title": "CKA of the stream", "x": "blocks below", "y": "blocks below"}
    vectors = {"x": "branch (right vector)", "y": "branch (left vector)"}
    panels = []
    for arm, e in networks:
        panels.append(
            lambda ax, arm=arm, e=e: layer_map(e["cka"], ax, arm=arm, bar="CKA (0 to 1)", **alike)
        )
    for arm, e in networks:
        if "alignment" in e:
            title = f"alignment (chance {float(e['chance']):.2g})"
            panels.append(
                lambda ax, arm=arm, e=e, title=title: layer_map(
                    e["alignment"], ax, arm=arm, title=title, bar="|cosine|", **vectors
                )
            )
    panels.append(lambda ax: lesion_shares(lesions, ax))
    return panels


def reuse_panels(entry: Mapping[str, np.ndarray]) -> list:
    """Panels of a DenseNet, functions of an Axes: its weights by connection, and what each is worth.

    Args:
      entry: arrays sources, targets, relative and loss_changes.
    """
    names = [str(name) for name in entry["sources"]], [str(name) for name in entry["targets"]]
    weights = {"title": "DenseNet: weights", "bar": "mean |w| / its value at the start"}
    worth = {"title": "DenseNet: without the connection", "bar": "change of the loss (nats)"}
    return [
        lambda ax: reuse_map(entry["relative"], *names, ax, **weights),
        lambda ax: reuse_map(entry["loss_changes"], *names, ax, signed=True, **worth),
    ]


def _short(name):
    # "stage_0_block_3/conv_0/kernel" -> "0.3", "transition_1/conv/kernel" -> "transition 1"
    first = name.split("/")[0]
    return shown(first.removeprefix("stage_").replace("_block_", ".").replace("_", " "))


def _frame(ax, x, y, title, color):
    dress(ax, x=x, y=y, grid="")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_title(title, color=color, fontsize=TEXT_SIZE, loc="left")


def _bar(drawn, ax, label, extend):
    bar = ax.figure.colorbar(drawn, ax=ax, fraction=0.046, pad=0.03, extend=extend)
    bar.set_label(label, fontsize=SMALL_SIZE, color=INK)
    bar.ax.tick_params(labelsize=SMALL_SIZE - 1, colors=INK, length=2)
    bar.outline.set_linewidth(0.5)
