"""A run's TensorBoard events, read back with an independent decoder of the file format."""

import dataclasses
import struct
import sys

import pytest

from lsgeo import runs
from lsgeo.training import Recipe, fit_run
from tests.training.least_squares import DATA, KEY, loss, params


@dataclasses.dataclass
class Config:
    seed: int = 0


def train(path, recipe):
    opened = runs.open_run(path, Config())
    fit_run(opened, loss, params(), DATA, recipe, key=KEY, save_checkpoints=False, tensorboard=True)
    return opened


def scalars(folder):
    """{(name, step): value} of the event files: records of length, check sum, protocol buffer."""
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            for value in event.summary.value:
                found[value.tag, event.step] = value.simple_value
    return found


def test_event_files_hold_the_numbers_of_the_metrics(tmp_path):
    recipe = Recipe(schedule="cosine", max_steps=6, eval_every=2)
    opened = train(tmp_path, recipe)
    expected = {
        (name, record["step"]): value
        for record in opened.metrics()
        for name, value in record.items()
        if name != "step"
    }
    assert {name for name, _ in expected} == {"loss", "learning_rate"}
    assert scalars(tmp_path / "events") == pytest.approx(expected, rel=1e-6)  # float32
    assert [r["learning_rate"] for r in opened.metrics()][:3] == list(recipe.rates()[[0, 2, 4]])


def test_event_files_without_the_package_are_refused_with_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ValueError, match=r"pip install 'lsgeo\[tensorboard\]'"):
        train(tmp_path, Recipe(max_steps=1))
