"""The README's first picture is drawn out of a run's stored surfaces."""

import io

import numpy as np
import pytest
from PIL import Image

from docs import draw_twins
from lsgeo import runs


def stored(path, *prefixes):
    axis = np.linspace(-1, 1, 5)
    run = runs.Run(path)
    for prefix in prefixes:
        values = 0.5 + axis[None, :] ** 2 + axis[:, None] ** 2
        run.save(f"{prefix}plane_0", {"xs": axis, "ys": axis, "values": values})
    run.save("summary", {"chance_loss": 2.3})
    return path


def test_a_run_with_a_twin_becomes_a_picture(tmp_path):
    with Image.open(io.BytesIO(draw_twins.draw(stored(tmp_path, "", "twin_")))) as image:
        assert image.size[0] == 990


def test_a_run_without_a_twin_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match="`workdir` must hold a plane of a network and one of its twin"
    ):
        draw_twins.draw(stored(tmp_path, ""))


def test_the_readme_begins_with_the_picture_that_is_kept_and_names_its_commands():
    text = (draw_twins.PICTURE.parent.parent / "README.md").read_text(encoding="utf-8")
    pictures = [line for line in text.splitlines() if line.startswith("![")]
    assert "(docs/twins.png)" in pictures[0]
    assert "python -m docs.draw_twins runs/surface" in text
    with Image.open(draw_twins.PICTURE) as image:
        assert image.width > 1.4 * image.height
