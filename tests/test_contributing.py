"""The exercises of CONTRIBUTING.md, carried out as they are written there, in a copy of the tree."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
TRAINED = """
import dataclasses, pathlib
from configs import study_tiny
from experiments import train
train.run(train.Config(num_train=40, width=4, depth=2, max_steps=5, loss_levels=()), "trained")
"""


@pytest.fixture
def copy(tmp_path):
    for name in ("lsgeo", "experiments", "configs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    return tmp_path


def save(copy, *names):
    """Saves examples where their first lines say."""
    for name in names:
        text = (ROOT / "docs" / "examples" / f"{name}.py").read_text(encoding="utf-8")
        place = copy / re.search(r"save as (\S+\.py)", text)[1]
        assert not place.exists()
        place.write_text(text, encoding="utf-8")


def register(copy, name):
    """Adds the lines that CONTRIBUTING.md adds to an `__init__`: each below the line before it."""
    ((path, lines),) = re.findall(rf"```diff\n--- ({name})\n(.*?)```", TEXT, re.DOTALL)
    text = (copy / path).read_text(encoding="utf-8")
    for before, new in re.findall(r"^ (.*)\n\+(.*)$", lines, re.MULTILINE):
        assert text.count(f"{before}\n") == 1, before
        text = text.replace(f"{before}\n", f"{before}\n{new}\n")
    (copy / path).write_text(text, encoding="utf-8")


def python(copy, code):
    environment = {**os.environ, "PYTHONPATH": str(copy), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=copy, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_stands_in_the_text_as_it_is(path):
    assert f"```python\n{path.read_text(encoding='utf-8')}```\n" in TEXT


def test_a_new_claim_and_its_measure_are_planned_measured_and_decided(copy):
    save(copy, "measure", "claim")
    register(copy, "lsgeo/study/measures/__init__.py")
    register(copy, "lsgeo/study/claims/__init__.py")
    found = python(
        copy,
        TRAINED
        + """
from experiments import measure, study
from lsgeo.study.plan import make_plan
from lsgeo.study import MEASURES, conditions
config = dataclasses.replace(study_tiny.get_config(), claims="C24")
plan = make_plan(config, pathlib.Path("study"), study.INSTRUMENTS)
assert [claim.name for claim in plan.claims] == ["C24"] and not plan.unanswered()
assert conditions(plan.claims[0].hypotheses[0], plan.designs)
jobs = [job for job in plan.asked if job.name == "metric-confidence"]
assert len(jobs) == len(plan.cells) == 4
assert jobs[0].reads == ("loss_1.0", "end") and jobs[0].config.metric == "confidence"
opened = measure.run(measure.Config(run="trained", metric="confidence"), "measured")
value = opened.load("end")["test_confidence"]
assert 0.1 <= value < 0.9  # of ten classes, hardly trained
assert not opened.has("init")  # is none of its readings

def refused(make):
    try:
        make()
    except ValueError as error:
        print(error)

from lsgeo.study import ARMS, CLAIMS
from lsgeo.study.claims import check_claims
from lsgeo.study.contrasts.paired import Difference
from lsgeo.study.measures import registry
def changed(**fields):
    hypothesis = dataclasses.replace(CLAIMS[-1].hypotheses[0], **fields)
    check_claims([dataclasses.replace(CLAIMS[-1], hypotheses=(hypothesis,))])
refused(lambda: changed(contrast=Difference("no_column")))
refused(lambda: changed(readings=("init",)))
refused(lambda: changed(arms=(("plain", "no-arm"),)))
twice = dataclasses.replace(MEASURES["confidence"], name="other")
refused(lambda: registry([*MEASURES.values(), twice]))
refused(lambda: registry([*MEASURES.values(), MEASURES["confidence"]]))
refused(lambda: dataclasses.replace(ARMS["residual"], skip="no_type"))
""",
    )
    column, reading, arm, double, twice, skip = found.splitlines()[-6:]
    assert "reads the column 'no_column' at matched, which no measure fills there" in column
    assert "reads the column 'test_confidence' at init, which no measure fills there" in reading
    assert "`arms` of C24a hold 'no-arm', which is no arm. Choose from: plain" in arm
    assert "'confidence' and 'other' both fill the column 'test_confidence' at matched" in double
    assert "`measures` hold 'confidence' twice" in twice
    assert "Unknown skip: 'no_type'. Choose one of: " in skip


def test_a_claim_on_a_column_that_no_measure_fills_ends_the_import_with_one_sentence(copy):
    save(copy, "claim")  # without its measure
    register(copy, "lsgeo/study/claims/__init__.py")
    said = python(
        copy,
        """
try:
    import lsgeo.study
except ValueError as error:
    print(error)
""",
    )
    assert said.startswith(
        "`contrast` of C24a reads the column 'test_confidence' at matched, which"
    )


def test_a_new_estimator_is_a_public_name_with_an_error(copy):
    save(copy, "estimator")
    register(copy, "lsgeo/spectra/traces/__init__.py")
    python(
        copy,
        """
import doctest, jax, numpy as np, sys, lsgeo
assert "stable_rank" in lsgeo.__all__
tried = doctest.testmod(sys.modules[lsgeo.stable_rank.__module__])
assert tried.attempted == 4 and not tried.failed
spectrum = np.linspace(-1.0, 2.0, 300).astype(np.float32)
op = lsgeo.dense(jax.numpy.diag(jax.numpy.asarray(spectrum)))
found = lsgeo.stable_rank(op, key=jax.random.key(0), num_matvecs=80)
true = float((spectrum.astype(np.float64) ** 2).sum() / 4.0)
low, high = found.interval(0.999)
assert low < true < high and high - low < 0.5 * true, (found, true)
try:
    lsgeo.stable_rank(lsgeo.dense(jax.numpy.zeros((3, 3))), key=jax.random.key(0))
except ValueError as error:
    assert str(error).startswith("`op` is zero")
else:
    raise AssertionError("zero has no stable rank")
""",
    )


def test_a_new_experiment_measures_resumes_and_explains_itself(copy):
    save(copy, "experiment", "experiment_config")
    said = python(
        copy,
        TRAINED
        + """
import sys
from configs import distance as configured
from experiments import distance
config = dataclasses.replace(configured.get_config(), run="trained")
opened = distance.run(config, "measured")
assert opened.load("init")["distance"] == 0.0 < opened.load("end")["distance"]
first = opened.load("end")["seconds"]
assert distance.run(config, "measured").load("end")["seconds"] == first
sys.argv = ["distance", "--help"]
distance.launch(distance.run, config_file="configs/distance.py")
""",
    )
    assert "--config.checkpoints=()" in said and "directory of a run of experiments.train" in said
