"""Draws the pictures of docs/models.md: each skip type, and the block of each family.

python docs/draw_blocks.py
"""

import pathlib

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

FOLDER = pathlib.Path(__file__).parent
INK, SHORTCUT, BRANCH, GATE = "#1b1f24", "#0072b2", "#d55e00", "#00785a"
LEFT, MIDDLE, RIGHT = 0.2, 0.5, 0.8  # Shortcut, gate and branch.
TOP, SPLIT, JOIN, BOTTOM = 0.97, 0.85, 0.18, 0.04


def arrow(ax: Axes, *points, color=INK, head=True, line="-"):
    """A line through points, with a head at the last one."""
    xs, ys = zip(*points, strict=True)
    ax.plot(xs[:-1] if head else xs, ys[:-1] if head else ys, color=color, lw=1.3, ls=line)
    if head:
        style = {"arrowstyle": "-|>", "color": color, "lw": 1.3, "ls": line}
        style |= {"shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
        ax.annotate("", xy=points[-1], xytext=points[-2], arrowprops=style)


def box(ax: Axes, x, y, text, color=INK, width=0.34, height=0.12, size=9):
    """A layer: a text in a rounded frame around (x, y)."""
    corner = (x - width / 2, y - height / 2)
    style = "round,pad=0,rounding_size=0.03"
    patch = FancyBboxPatch(corner, width, height, boxstyle=style, fc="white", ec=color, lw=1.3)
    ax.add_patch(patch).set_zorder(3)
    ax.text(x, y, text, ha="center", va="center", fontsize=size, color=color, zorder=4)


def circle(ax: Axes, x, y, text="+"):
    """A place where two paths are joined."""
    ax.plot([x], [y], "o", ms=12, mfc="white", mec=INK, mew=1.3, zorder=3)
    ax.text(x, y, text, ha="center", va="center_baseline", fontsize=10, zorder=4)


def panel(ax: Axes, title: str, equation: str = "", size=10):
    """An empty panel with its title above and its equation below."""
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.2, 1.14))
    ax.text(0.5, 1.1, title, ha="center", va="center", fontsize=size, fontweight="bold", color=INK)
    ax.text(0.5, -0.13, equation, ha="center", va="center", fontsize=9.5, color=INK)


def join(
    ax: Axes, title, equation, *, shortcut="", branch="", gate="", kept=True, symbol="+", name="F"
):
    """One skip type: what is on the shortcut, behind the branch, and the gate that both may read."""
    panel(ax, title, equation)
    ax.text(LEFT + 0.04, TOP, "$x$", fontsize=11, va="center")
    arrow(ax, (LEFT, TOP), (LEFT, SPLIT), head=False)
    arrow(ax, (LEFT, SPLIT), (RIGHT, SPLIT), (RIGHT, 0.71), color=BRANCH)
    box(ax, RIGHT, 0.65, f"${name}$", BRANCH)
    low = JOIN if kept else BOTTOM
    if branch:
        arrow(ax, (RIGHT, 0.59), (RIGHT, 0.43), color=BRANCH)
        box(ax, RIGHT, 0.37, branch, GATE if gate else BRANCH)
    after = 0.31 if branch else 0.59
    if kept:
        arrow(ax, (RIGHT, after), (RIGHT, low), (LEFT + 0.055, low), color=BRANCH)
        if shortcut:
            arrow(ax, (LEFT, SPLIT), (LEFT, 0.43), color=SHORTCUT)
            box(ax, LEFT, 0.37, shortcut, GATE if gate else SHORTCUT)
        arrow(ax, (LEFT, 0.31 if shortcut else SPLIT), (LEFT, JOIN + 0.045), color=SHORTCUT)
        circle(ax, LEFT, JOIN, symbol)
        arrow(ax, (LEFT, JOIN - 0.045), (LEFT, BOTTOM - 0.06))
    else:
        arrow(ax, (RIGHT, after), (RIGHT, BOTTOM - 0.06), color=BRANCH)
    if gate:
        arrow(ax, (LEFT, 0.79), (MIDDLE, 0.79), (MIDDLE, 0.57), color=GATE, line=(0, (3, 2)))
        box(ax, MIDDLE, 0.52, gate, GATE, width=0.17, height=0.1)
        ends = [(LEFT, LEFT + 0.17)] if not branch else [(LEFT, LEFT + 0.17), (RIGHT, RIGHT - 0.17)]
        for _, edge in ends:
            arrow(ax, (MIDDLE, 0.47), (MIDDLE, 0.37), (edge, 0.37), color=GATE, line=(0, (3, 2)))


def many_streams(ax: Axes, title, equation, read, mix, write):
    """Three parallel streams with a matrix that mixes them, and one branch."""
    panel(ax, title, equation)
    places = (0.1, 0.26, 0.42)
    edge = 0.029
    for number, x in enumerate(places, 1):
        ax.text(x, TOP + 0.02, f"$x_{number}$", fontsize=11, ha="center")
        arrow(ax, (x, TOP), (x, 0.53), color=SHORTCUT)
        arrow(ax, (x, 0.41), (x, JOIN + 0.045), color=SHORTCUT)
        circle(ax, x, JOIN)
        arrow(ax, (x, JOIN - 0.045), (x, BOTTOM - 0.06))
        ax.plot([x], [SPLIT], "o", ms=4, color=BRANCH, zorder=4)
    box(ax, places[1], 0.47, mix, SHORTCUT, width=0.46)
    arrow(ax, (places[0], SPLIT), (RIGHT, SPLIT), (RIGHT, 0.79), color=BRANCH)
    box(ax, RIGHT, 0.735, read, BRANCH, height=0.11, width=0.36)
    arrow(ax, (RIGHT, 0.68), (RIGHT, 0.57), color=BRANCH)
    box(ax, RIGHT, 0.515, "$F$", BRANCH, height=0.11, width=0.36)
    arrow(ax, (RIGHT, 0.46), (RIGHT, 0.35), color=BRANCH)
    box(ax, RIGHT, 0.295, write, BRANCH, height=0.11, width=0.36)
    arrow(ax, (RIGHT, 0.24), (RIGHT, JOIN), (places[2] + edge, JOIN), color=BRANCH)
    for near, far in ((places[1], places[2]), (places[0], places[1])):
        arrow(ax, (far - edge, JOIN), (near + edge, JOIN), color=BRANCH)


def attended(ax: Axes, title, equation):
    """The outputs of all layers side by side, a mixture of them, one branch, and its output beside them."""
    panel(ax, title, equation)
    places = (0.1, 0.26, 0.42)
    for number, x in enumerate(places):
        ax.text(x, TOP + 0.02, f"$v_{number}$", fontsize=11, ha="center")
        arrow(ax, (x, TOP), (x, BOTTOM - 0.06), color=SHORTCUT)
        ax.plot([x], [SPLIT], "o", ms=4, color=BRANCH, zorder=4)
    arrow(ax, (places[0], SPLIT), (RIGHT, SPLIT), (RIGHT, 0.71), color=BRANCH)
    box(ax, RIGHT, 0.65, r"$\Sigma\, a_i v_i$", GATE, width=0.36)
    arrow(ax, (RIGHT, 0.59), (RIGHT, 0.43), color=BRANCH)
    box(ax, RIGHT, 0.37, "$F$", BRANCH, width=0.36)
    arrow(ax, (RIGHT, 0.31), (RIGHT, BOTTOM - 0.06), color=SHORTCUT)
    ax.text(RIGHT + 0.04, 0.12, "$v_3$", fontsize=11, va="center")


def stack(ax: Axes, title, *parts, symbol="+"):
    """A block's layers from top to bottom: a tuple has a skip around it, a text stands on the stream."""
    panel(ax, title, size=9)
    x, side = 0.62, 0.12
    rows = sum(len(part) + 1.3 if isinstance(part, tuple) else 1.25 for part in parts)
    step = min(0.2, 1.1 / rows)
    height = min(0.11, 0.66 * step)
    y = TOP + 0.02
    arrow(ax, (x, y + 0.04), (x, y), head=False)

    def layer(y, text, color):
        arrow(ax, (x, y), (x, y - step + height), color=color)
        box(ax, x, y - step + height / 2, text, color, width=0.66, height=height, size=8.5)
        return y - step

    for part in parts:
        if isinstance(part, str):
            y = layer(y, part, INK) - 0.25 * step
            arrow(ax, (x, y + 0.25 * step), (x, y), head=False)
            continue
        start, target = y, y - (len(part) + 0.9) * step
        for text in part:
            y = layer(y, text, BRANCH)
        arrow(ax, (x, y), (x, target + 0.04), color=BRANCH)
        arrow(ax, (x, start), (side, start), (side, target), (x - 0.055, target), color=SHORTCUT)
        circle(ax, x, target, symbol)
        y = target - 0.4 * step
        arrow(ax, (x, target - 0.04), (x, y), head=False)
    arrow(ax, (x, y), (x, y - 0.08))


def sheet(name: str, columns: int, rows: int, height: float, draw) -> None:
    """Writes a sheet that is 700 pixels wide on a page, and finer than that."""
    figure = Figure(figsize=(7.0, height), facecolor="white")
    axes = figure.subplots(rows, columns).ravel()
    figure.subplots_adjust(left=0.01, right=0.99, top=0.99, bottom=0.01, wspace=0.06, hspace=0.05)
    for ax in axes:
        ax.axis("off")
    draw(axes)
    figure.savefig(FOLDER / name, dpi=160)
    with Image.open(FOLDER / name) as image:  # 32 colours take a quarter of the bytes.
        few = image.convert("RGB").quantize(32, dither=Image.Dither.NONE)
    few.save(FOLDER / name, optimize=True)


def scales(axes):
    """The skip types whose shortcut or branch is scaled."""
    join(axes[0], "none", r"$F(x)$", kept=False)
    join(axes[1], "identity", r"$x + F(x)$")
    join(
        axes[2],
        "constant (convex)",
        r"$c\,x + (1-c)\,F(x)$",
        shortcut=r"$\times c$",
        branch=r"$\times(1\!-\!c)$",
    )
    join(axes[3], "scaled", r"$x + F(x)/L^a,\ \ a = 1/2$", branch=r"$\div L^a$")
    join(axes[4], "gated", r"$g\,x + F(x)$", shortcut=r"$\times g$")
    join(axes[5], "rezero", r"$x + \alpha F(x),\ \ \alpha_0 = 0$", branch=r"$\times\alpha$")
    equation = r"$\alpha_0 = 0$ or $1/\sqrt{L}$"
    join(axes[6], "skipinit", equation, branch=r"$\times\alpha$")
    join(axes[7], "layerscale", r"$x + \gamma \odot F(x)$", branch=r"$\odot\,\gamma$")


def gates(axes):
    """The skip types with a gate or a layer on the shortcut, and concatenation."""
    join(
        axes[0],
        "highway, exclusive_gate",
        r"$T F(x) + (1-T)\,x$",
        shortcut=r"$\times(1\!-\!T)$",
        branch=r"$\times T$",
        gate="$T$",
    )
    join(
        axes[1],
        "shortcut_gate",
        r"$F(x) + (1-g)\,x$",
        shortcut=r"$\times(1\!-\!g)$",
        gate="$g$",
    )
    join(axes[2], "projection", r"$W x + F(x)$", shortcut=r"$W$")
    join(axes[3], "dropout", r"$\mathrm{dropout}(x) + F(x)$", shortcut="dropout")
    join(axes[4], "stochastic_depth", r"$x + b\,F(x)$", branch=r"$\times b$")
    join(axes[5], "dense (densenet)", r"$[\,x,\,F(x)\,]$", symbol="c")


def streams(axes):
    """The skip types with parallel streams."""
    equation = r"$A_r^\top X + B^\top F(A_m^\top X)$"
    many_streams(axes[0], "hyper", equation, "read $A_m$", "mix $A_r$", "write $B$")
    equation = r"$H_{res} X + H_{post}^\top F(H_{pre} X)$"
    mix = r"mix $H_{res}$"
    many_streams(axes[1], "mhc", equation, r"read $H_{pre}$", mix, r"write $H_{post}$")
    attended(axes[2], "attention", r"$a = \mathrm{softmax}_i(w \cdot v_i / \mathrm{rms}(v_i))$")


def families(axes):
    """The block of each family of models."""
    stack(axes[0], "mlp, one_layer", ("norm", "activation", "dense"))
    stack(axes[1], "mlp, two_layer", ("norm", "dense", "activation", "dense"))
    stack(axes[2], "highway (mlp, post)", ("dense", "norm", "activation"))
    stack(axes[3], "resnet", ("conv 3x3", "norm, ReLU", "conv 3x3", "norm"), "ReLU")
    layers = ("norm, ReLU", "conv 3x3", "norm, ReLU", "conv 3x3")
    stack(axes[4], "pre-activation, wide", layers)
    layers = ("conv 1x1", "norm, ReLU", "conv 3x3", "norm, ReLU", "conv 1x1", "norm")
    stack(axes[5], "bottleneck", layers, "ReLU")
    layers = ("norm, ReLU", "conv 1x1", "norm, ReLU", "conv 3x3", "norm, ReLU", "conv 1x1")
    stack(axes[6], "pre-act. bottleneck", layers)
    stack(axes[7], "densenet", ("norm, ReLU", "conv 3x3"), symbol="c")
    layers = ("norm, ReLU", "conv 1x1", "norm, ReLU", "conv 3x3")
    stack(axes[8], "densenet-bc", layers, symbol="c")
    stack(axes[9], "vit, decoder, pre", ("norm", "attention"), ("norm", "MLP"))
    stack(axes[10], "vit, decoder, post", ("attention",), "norm", ("MLP",), "norm")
    stack(axes[11], "mixer, pre", ("norm", "token MLP"), ("norm", "channel MLP"))


if __name__ == "__main__":
    sheet("skips_scales.png", 4, 2, 5.0, scales)
    sheet("skips_gates.png", 3, 2, 5.0, gates)
    sheet("skips_streams.png", 3, 1, 3.0, streams)
    sheet("blocks.png", 4, 3, 8.4, families)
