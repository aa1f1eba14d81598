"""Surfaces for ParaView."""

import os

import numpy as np

from lsgeo import runs
from lsgeo.exports._extras import missing
from lsgeo.geometry import Surface

HEIGHTS = ("loss", "log10_loss")


def write_vtp(path: str | os.PathLike, surface: Surface, *, height: str = "loss") -> None:
    """Writes a surface as triangles in space, in VTK's XML format for polygons.

    Each cell of the grid is two triangles. A point without a finite height is left out with the triangles
    that meet there, never filled in: the sheet has a hole, and the field `points_left_out` counts them.
    Coordinates and losses are stored in binary, in full precision.

    Args:
      path: of the file, usually *.vtp.
      surface: xs [nx], ys [ny], values [ny, nx], at least 2 by 2 points.
      height: "loss" or "log10_loss", the third coordinate. Both are there as point data, for colours.

    Raises:
      ValueError: for another height, a grid with a single row or column, or if vtk is missing.
    """
    if height not in HEIGHTS:
        raise ValueError(f"`height` must be one of {', '.join(HEIGHTS)}; got {height!r}.")
    if min(surface.values.shape) < 2:
        raise ValueError(
            "`surface` must have at least 2 by 2 points to be a sheet; got "
            f"{len(surface.xs)} by {len(surface.ys)}."
        )
    loss = np.ravel(surface.values)
    with np.errstate(divide="ignore", invalid="ignore"):
        data = {"loss": loss, "log10_loss": np.log10(loss)}
    xs, ys = np.meshgrid(surface.xs, surface.ys)
    points = np.stack([xs.ravel(), ys.ravel(), data[height].astype(float)], axis=1)
    kept = np.isfinite(data[height])
    triangles = _triangles(*surface.values.shape)
    triangles = (np.cumsum(kept) - 1)[triangles[np.all(kept[triangles], axis=1)]]
    data = {name: values[kept] for name, values in data.items()}
    left_out = int(np.sum(~kept))
    runs.write_bytes(path, _xml(points[kept], triangles, data, {"points_left_out": left_out}))


def _triangles(rows, columns):
    # Two for each cell, counter-clockwise seen from above, as indices into the flat grid.
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)[None, :]).ravel()
    lower = np.stack([corner, corner + 1, corner + columns + 1], axis=1)
    upper = np.stack([corner, corner + columns + 1, corner + columns], axis=1)
    return np.concatenate([lower, upper])


def _xml(points, triangles, data, facts):
    try:
        from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
        from vtkmodules.vtkCommonCore import vtkPoints
        from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
        from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter
    except ImportError as error:
        raise missing("vtk", "A .vtp file") from error

    def named(name, values):
        array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
        array.SetName(name)
        return array

    polygons, places, cells = vtkPolyData(), vtkPoints(), vtkCellArray()
    places.SetData(numpy_to_vtk(points, deep=True))
    ends = np.arange(0, triangles.size + 1, 3, dtype=np.int64)
    cells.SetData(
        numpy_to_vtkIdTypeArray(ends, deep=True),
        numpy_to_vtkIdTypeArray(np.ascontiguousarray(triangles.ravel(), np.int64), deep=True),
    )
    polygons.SetPoints(places)
    polygons.SetPolys(cells)
    for name, values in data.items():
        polygons.GetPointData().AddArray(named(name, values))
    polygons.GetPointData().SetActiveScalars("loss")
    for name, value in facts.items():
        polygons.GetFieldData().AddArray(named(name, np.array([value], np.int64)))
    writer = vtkXMLPolyDataWriter()
    writer.SetInputData(polygons)
    writer.WriteToOutputStringOn()
    if not writer.Write():
        raise OSError("vtk could not write the surface.")
    return writer.GetOutputString().encode()
