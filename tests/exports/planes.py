"""A surface on a rectangular grid whose coordinates cannot be exchanged unseen."""

import numpy as np

from lsgeo.geometry import Surface

XS, YS = np.array([-1.0, 0.1, 0.5, 2.0]), np.array([-0.3, 0.0, 1 / 3])


def closed_form(x, y):
    return 3 + x / 3 + 0.1 * x * y - y**2


def rectangle(dtype=np.float64, holes=True):
    values = closed_form(XS[None, :], YS[:, None]).astype(dtype)
    if holes:
        values[0, 3], values[2, 1] = np.nan, np.inf
    return Surface(XS, YS, values)
