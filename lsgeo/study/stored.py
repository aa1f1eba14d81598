"""What the experiments have stored, read back."""

from lsgeo import geometry, runs


def load_surfaces(run_of_surfaces: runs.Run, prefix: str = "") -> list[geometry.Surface]:
    """Reads the finished planes of a run, in order; prefix "twin_" for those of the twin.

    Raises:
      ValueError: if a file is damaged.
    """
    surfaces = []
    while run_of_surfaces.has(name := f"{prefix}plane_{len(surfaces)}"):
        arrays = run_of_surfaces.load(name)
        if len(arrays["values"]) < len(arrays["ys"]):
            break
        surfaces.append(geometry.Surface(arrays["xs"], arrays["ys"], arrays["values"]))
    return surfaces
