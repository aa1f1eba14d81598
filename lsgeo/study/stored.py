"""What the experiments have stored, read back."""

import itertools

from lsgeo import geometry, runs


def load_surfaces(run_of_surfaces: runs.Run, prefix: str = "") -> list[geometry.Surface]:
    """Reads the finished planes of a run, in order; prefix "twin_" for those of the twin.

    Raises:
      ValueError: if a file is damaged.
    """
    planes = run_of_surfaces.numbered(f"{prefix}plane")
    finished = itertools.takewhile(lambda one: len(one["values"]) == len(one["ys"]), planes)
    return [geometry.Surface(one["xs"], one["ys"], one["values"]) for one in finished]
