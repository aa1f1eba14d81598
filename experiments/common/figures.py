"""Where a run's figures lie."""

from matplotlib.figure import Figure

from lsgeo import plotting, runs


def save_figure(opened: runs.Run, name: str, figure: Figure) -> None:
    """Writes a figure into the run's directory, as figures/NAME.svg."""
    folder = opened.path / "figures"
    folder.mkdir(exist_ok=True)
    plotting.save_svg(figure, folder / f"{name}.svg")
