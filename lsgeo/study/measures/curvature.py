"""What the experiments on curvature tell: the Hessian's spectrum, the kind of point, random planes."""

import math

import numpy as np

from lsgeo.study.measures.records import Measure, Smallest, columns

_KEPT = ("loss", "step", "lambda_min", "lambda_max", "trace", "trace_error", "threshold")
_SHARES = ("zero_fraction", "negative_fraction", "negative_mass")
_ENDS = ("", "_lower", "_upper")


def _spectrum(files, cell, reading):
    stored = files.at(cell, "spectrum", reading)
    if stored is None:
        return {}
    largest = max(abs(stored["lambda_min"]), abs(stored["lambda_max"]))
    noise = max(stored["noise"], stored["residuals"][0])
    return {
        **{name: stored[name] for name in _KEPT},
        **{share + end: stored[share + end] for share in _SHARES for end in _ENDS},
        # Half the interval, and no less than one eigenvalue: a rule that met none has not ruled one out.
        **{
            f"{share}_open": max(
                (stored[f"{share}_upper"] - stored[f"{share}_lower"]) / 2, 1 / stored["size"]
            )
            for share in _SHARES
        },
        "negative_ratio": max(-stored["lambda_min"], 0.0) / max(stored["lambda_max"], 1e-300),
        "noise_ratio": noise / largest if largest else 1.0,
        "converged": bool(np.all(stored["converged"])),
        "num_matvecs": stored["total_matvecs"],
    }


SPECTRUM = Measure(
    "spectrum",
    (
        *columns(
            "lambda_max",
            smallest=Smallest(
                math.log(1.25), "changes the largest stable step by a quarter", ratio=True
            ),
            follows_rate=True,
        ),
        *columns(
            "trace",
            smallest=Smallest(
                math.log(1.25),
                "a quarter of the mean curvature, as for the largest one; the estimate's own error is 2 %",
                ratio=True,
            ),
            follows_rate=True,
        ),
        *columns(
            *_SHARES,
            smallest=Smallest(
                0.1,
                "one direction in ten of those that are counted; fewer are within what the rule leaves open",
                ratio=True,
            ),
            floor=0.0,
            ceiling=1.0,
            follows_rate=True,
        ),
        *columns(
            "negative_ratio",
            smallest=Smallest(
                math.log(1.25), "a quarter of a curvature, as for the largest one", ratio=True
            ),
            floor=0.0,
            follows_rate=True,
        ),
        *columns("loss", "step", "lambda_min", "trace_error", "threshold"),
        *columns(*(share + end for share in _SHARES for end in (*_ENDS[1:], "_open"))),
        *columns("noise_ratio", "converged", "num_matvecs"),
    ),
    figures=_spectrum,
    source="see lsgeo.spectral_density, lsgeo.extreme_eigenpairs, lsgeo.trace",
    cost=1.5,
)

SADDLES = Measure(
    "saddles",
    columns("kind", "index", readings=("matched",)),
    source="see lsgeo.classify_critical_point",
)


def _surface(files, cell, reading):
    summary = files.load(cell, "surface", "summary")
    if summary is None:
        return {}
    points = (cell.settings.resolution - 2) ** 2 * cell.settings.planes
    return {
        "non_convex_fraction": float(np.mean(summary["non_convex_fraction"])),
        "basin_area": float(np.mean(summary["basin_area"])),
        "surface_resolution": 0.5 / points,
    }


SURFACE = Measure(
    "surface",
    (
        *columns(
            "non_convex_fraction",
            readings=("matched",),
            smallest=Smallest(
                0.1, "one point in ten of those that curve downwards: no eye sees less", ratio=True
            ),
            floor=0.0,
            ceiling=1.0,
            follows_rate=True,
        ),
        *columns(
            "basin_area",
            readings=("matched",),
            smallest=Smallest(
                math.log(1.25),
                "what a quarter in curvature does: an area goes as one over it",
                ratio=True,
            ),
            floor=0.0,
            ceiling=1.0,
            follows_rate=True,
        ),
        *columns("surface_resolution", readings=("matched",)),
    ),
    figures=_surface,
    source="Li et al. 2018, see lsgeo.surface",
)
