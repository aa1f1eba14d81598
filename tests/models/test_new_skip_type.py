"""The exercise "add a skip type" of CONTRIBUTING.md, carried out in a copy: one file and its line."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
USE = """
import jax, numpy as np
from lsgeo import models, training
from lsgeo.models import skips
from lsgeo.study import measures
from lsgeo.study.measures.signals.gates import GATES

assert "averaged" in skips.SKIPS
images = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
batch = {"image": images, "label": np.arange(8) % 2}
model = models.create("mlp", depth=4, width=4, num_classes=2, skip="averaged(total=2)")
params = models.init(model, images, key=jax.random.key(0))["params"]
loss = models.CrossEntropy(model)

def gates(params):
    rest = 2, "end", jax.random.key(0), lambda k: None
    subject = measures.Subject(model, {}, params, loss, batch, batch, *rest)
    return GATES.measure(subject)["gate_mean"]

assert gates(params) == 0.5  # 2 / L
recipe = training.Recipe(optimizer="sgd", learning_rate=0.1, max_steps=5)
end = training.fit(loss, training.start(params, recipe), batch, recipe, key=jax.random.key(0))
assert end.loss < loss(params, batch) and gates(end.params) != 0.5
"""


def copy(folder, example):
    shutil.copytree(ROOT / "lsgeo", folder / "lsgeo", ignore=shutil.ignore_patterns("__pycache__"))
    skips = folder / "lsgeo" / "models" / "skips"
    (skips / "averaged.py").write_text(example)
    registry = (skips / "registry.py").read_text()
    line = '    "averaged": averaged.Averaged,\n'
    registry = registry.replace("= {\n", "= {\n" + line, 1)
    registry = registry.replace(" import gates, ", " import averaged, gates, ", 1)
    (skips / "registry.py").write_text(registry)


def run(folder, code):
    environment = {**os.environ, "PYTHONPATH": str(folder), "JAX_PLATFORMS": "cpu"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def example():
    return (ROOT / "docs" / "examples" / "skip_type.py").read_text()


def test_a_new_skip_type_trains_and_its_gate_is_measured(tmp_path, example):
    copy(tmp_path, example)
    done = run(tmp_path, USE)
    assert done.returncode == 0, done.stderr


def test_a_skip_type_that_is_silent_about_its_gate_is_refused_where_it_is_registered(
    tmp_path, example
):
    copy(tmp_path, example.replace('    learned = Weight("beta")\n', ""))
    done = run(tmp_path, "import lsgeo.models")
    assert done.returncode != 0
    assert "The skip type 'averaged' does not state `learned`" in done.stderr
