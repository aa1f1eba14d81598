"""Exported surfaces, read back by the libraries of the formats: every point at its place, every bit kept."""

import re
import sys

import h5py
import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

from lsgeo import exports
from lsgeo.geometry import Surface
from tests.exports.planes import XS, YS, closed_form, rectangle


@pytest.fixture(params=[np.float64, np.float32])
def surface(request):
    return rectangle(request.param)


def test_csv_reads_back_bit_identical_with_each_loss_beside_its_own_coordinates(surface, tmp_path):
    exports.write_csv(tmp_path / "plane.csv", surface)
    assert (tmp_path / "plane.csv").read_text().startswith("x,y,loss\n-1.0,-0.3,")
    x, y, loss = np.loadtxt(tmp_path / "plane.csv", delimiter=",", skiprows=1).T
    assert x.tolist() == np.tile(XS, 3).tolist() and y.tolist() == np.repeat(YS, 4).tolist()
    assert loss.astype(surface.values.dtype).tobytes() == surface.values.tobytes()
    finite = np.isfinite(loss)
    np.testing.assert_allclose(loss[finite], closed_form(x, y)[finite], rtol=1e-6)


def test_li_file_reads_back_bit_identical_and_has_the_rows_that_their_plots_take(surface, tmp_path):
    eigenvalues = Surface(XS, YS, -surface.values)
    written = {"train_loss": surface, "min_eig": eigenvalues, "max_eig": surface}
    exports.write_li(tmp_path / "plane.h5", written)
    with h5py.File(tmp_path / "plane.h5") as file:
        assert set(file) == {"xcoordinates", "ycoordinates", *written}
        # They draw against numpy.meshgrid(xcoordinates, ycoordinates).
        assert file["train_loss"].shape == np.meshgrid(XS, YS)[0].shape
    back = exports.read_li(tmp_path / "plane.h5")
    assert list(back) == list(written)
    for key, one in written.items():
        for name in ("xs", "ys", "values"):
            there, here = getattr(back[key], name), getattr(one, name)
            assert there.tobytes() == here.tobytes() and there.dtype == here.dtype


def test_li_file_with_their_transposed_shape_is_read_in_their_order_and_open_points_are_nan(
    tmp_path,
):
    # What their program leaves: shape (nx, ny), filled by flat index over numpy.meshgrid(x, y), -1 where open.
    x, y = (part.ravel() for part in np.meshgrid(XS, YS))
    losses, top, bottom = -np.ones((4, 3)), -np.ones((4, 3)), np.ones((4, 3))
    for place in range(9):
        losses.ravel()[place] = closed_form(x[place], y[place])
        top.ravel()[place], bottom.ravel()[place] = place - 0.5, 1.0 - place
    losses.ravel()[1] = 0.0  # A point that is done: no loss is no gap.
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["dir_file"], file["xcoordinates"], file["ycoordinates"] = "a.h5", XS, YS
        file["train_loss"], file["max_eig"], file["min_eig"] = losses, top, bottom
    read = exports.read_li(tmp_path / "theirs.h5")
    expected = closed_form(XS[None, :], YS[:, None])
    expected[2, 1:], expected[0, 1] = np.nan, 0.0
    np.testing.assert_array_equal(read["train_loss"].values, expected)
    for key, first in (("max_eig", [-0.5, 0.5, 1.5, 2.5]), ("min_eig", [1.0, 0, -1, -2])):
        np.testing.assert_array_equal(read[key].values[0], first)
        np.testing.assert_array_equal(np.isnan(read[key].values), np.isnan(expected))


def test_li_file_of_a_line_is_a_surface_with_one_row(tmp_path):
    with h5py.File(tmp_path / "line.h5", "w") as file:
        file["xcoordinates"], file["train_loss"] = XS, np.array([2.0, -1.0, 1.0, 3.0])
    read = exports.read_li(tmp_path / "line.h5")["train_loss"]
    assert read.ys.tolist() == [0.0]
    np.testing.assert_array_equal(read.values, [[2.0, np.nan, 1.0, 3.0]])


def test_li_directions_read_back_as_lists_in_order(tmp_path):
    first = {"a": np.ones((2, 3)), "b": [np.zeros(k, np.float32) for k in range(1, 12)]}
    exports.write_li_directions(tmp_path / "d.h5", [first, np.arange(2.0)])
    along_x, along_y = exports.read_li_directions(tmp_path / "d.h5")
    assert [part.shape for part in along_x] == [(2, 3), *[(k,) for k in range(1, 12)]]
    assert along_x[1].dtype == np.float32 and along_y[0].tolist() == [0.0, 1.0]


def test_vtp_is_the_height_field_without_the_points_that_are_not_finite(surface, tmp_path):
    exports.write_vtp(tmp_path / "plane.vtp", surface)
    points, triangles, data, field = read_vtp(tmp_path / "plane.vtp")
    finite = np.isfinite(surface.values)
    x, y = np.meshgrid(XS, YS)
    assert points[:, :2].tolist() == np.stack([x[finite], y[finite]], axis=1).tolist()
    assert data["loss"].tobytes() == surface.values[finite].tobytes()
    assert data["loss"].dtype == surface.values.dtype
    assert points[:, 2].tolist() == data["loss"].tolist()
    np.testing.assert_allclose(data["log10_loss"], np.log10(data["loss"]), rtol=1e-6)
    assert field["points_left_out"].tolist() == [2]
    # Of 12 triangles one has the corner of the first hole, three have the second, which lies on a diagonal.
    assert len(triangles) == 8 and triangles.max() < len(points)


def test_vtp_of_a_whole_surface_covers_the_rectangle_once(tmp_path):
    exports.write_vtp(tmp_path / "plane.vtp", rectangle(holes=False), height="log10_loss")
    points, triangles, data, field = read_vtp(tmp_path / "plane.vtp")
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    areas = np.cross(b - a, c - a)[:, 2] / 2
    assert len(areas) == 12 and np.all(areas > 0)
    np.testing.assert_allclose(areas.sum(), np.ptp(XS) * np.ptp(YS), rtol=1e-12)
    assert points[:, 2].tolist() == data["log10_loss"].tolist()
    assert field["points_left_out"].tolist() == [0]


def test_vtp_of_a_surface_without_any_finite_loss_is_empty(tmp_path):
    exports.write_vtp(tmp_path / "plane.vtp", Surface(XS, YS, np.full((3, 4), np.nan)))
    points, triangles, _, field = read_vtp(tmp_path / "plane.vtp")
    assert not len(points) and not len(triangles) and field["points_left_out"].tolist() == [12]


def read_vtp(path):
    reader = vtkXMLPolyDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    found = reader.GetOutput()
    points = (
        vtk_to_numpy(found.GetPoints().GetData()) if found.GetNumberOfPoints() else np.zeros((0, 3))
    )
    triangles = vtk_to_numpy(found.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return points, triangles, _arrays(found.GetPointData()), _arrays(found.GetFieldData())


def _arrays(data):
    arrays = [data.GetArray(number) for number in range(data.GetNumberOfArrays())]
    return {array.GetName(): vtk_to_numpy(array) for array in arrays}


WRITERS = {
    "csv": exports.write_csv,
    "h5py": lambda path, one: exports.write_li(path, {"train_loss": one}),
    "vtkmodules": exports.write_vtp,
    "plotly": lambda path, one: exports.write_html(path, {"plane": one}),
}


@pytest.mark.parametrize("library", WRITERS)
def test_interrupted_write_leaves_the_older_file(library, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("older")

    def interrupt(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr("lsgeo.runs.os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        WRITERS[library](path, rectangle())
    assert [one.name for one in tmp_path.iterdir()] == ["file"] and path.read_text() == "older"


@pytest.mark.parametrize("library", list(WRITERS)[1:])
def test_missing_library_is_named_with_the_command_that_installs_it(library, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == library] or [library]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(
        ValueError, match=r"needs \w+, which is not installed.*pip install 'lsgeo\[export\]'"
    ):
        WRITERS[library](tmp_path / "file", rectangle())


ROW = Surface(XS, YS[:1], np.ones((1, 4)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: exports.write_li(p, {}), "`surfaces` must hold at least one surface"),
        (
            lambda p: exports.write_li(p, {"loss": ROW}),
            "Unknown key in `surfaces`: 'loss'. Choose from: train",
        ),
        (
            lambda p: exports.write_li(p, {"train_loss": rectangle(), "min_eig": ROW}),
            "`surfaces` must have one grid; 'train_loss' and 'min_eig' differ",
        ),
        (
            lambda p: exports.write_li_directions(p, []),
            "`directions` must be one pytree or two; got 0",
        ),
        (lambda p: exports.write_vtp(p, ROW), "at least 2 by 2 points to be a sheet; got 4 by 1"),
        (
            lambda p: exports.write_vtp(p, rectangle(), height="x"),
            "`height` must be one of loss, log10_loss",
        ),
        (lambda p: exports.write_html(p, {}), "`surfaces` must hold at least one surface"),
        (
            lambda p: exports.write_html(p, {"row": ROW}),
            "at least 2 by 2 points each; 'row' has 4 by 1",
        ),
        (
            lambda p: exports.write_html(p, {"a": rectangle()}, level=0.0),
            "`level` must be positive; got 0.0",
        ),
        (exports.read_li, "There is no file"),
    ],
)
def test_bad_arguments_are_refused_by_name(call, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        call(tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_surface_or_damaged_are_refused_by_name(tmp_path):
    path = tmp_path / "some.h5"
    with h5py.File(path, "w") as file:
        file["xcoordinates"], file["other"] = XS, XS
    with pytest.raises(ValueError, match=r"some.h5 is no surface file.* it has xcoordinates"):
        exports.read_li(path)
    with pytest.raises(ValueError, match=r"some.h5 is no direction file"):
        exports.read_li_directions(path)
    with h5py.File(path, "a") as file:
        file["train_loss"] = np.ones((2, 4))
    with pytest.raises(
        ValueError, match=re.escape("train_loss has the shape (2, 4), but there are 4")
    ):
        exports.read_li(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"some.h5 is no HDF5 file, or damaged"):
        exports.read_li(path)
