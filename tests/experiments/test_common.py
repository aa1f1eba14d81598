"""What experiments share: results that come back from a file, checks of fields, and who is told of progress."""

import dataclasses
import types

import numpy as np
import pytest

from experiments.common import fields, steps, twins
from lsgeo import models, results, runs, study


@dataclasses.dataclass
class Found:
    value: float
    parts: np.ndarray
    ends: object = None


def test_a_result_comes_back_from_a_file_with_what_was_stored_of_it(tmp_path):
    found = Found(0.5, np.arange(3), ends="not stored")
    run = runs.Run(tmp_path)
    run.save("one", results.entries(found, ("value", "parts"), prefix="a_"))
    back = results.restored(Found, run.load("one"), prefix="a_")
    assert (back.value, back.parts.tolist(), back.ends) == (0.5, [0, 1, 2], None)
    assert list(results.entries(found)) == ["value", "parts", "ends"]


def test_rows_become_columns():
    columns = results.columns([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    assert columns["a"].tolist() == [1, 2] and columns["b"].tolist() == ["x", "y"]


def test_steps_are_counted_and_told_to_who_listens(capsys):
    told = []
    step = steps.Steps(lambda *said: told.append(said), 5)
    step("first")
    step.within("second")(3, 9, "almost")
    step.during("second, step {} of {}".format)(10, 2000)
    step.after(2)(2, "fourth")
    assert told == [
        (1, 5, "first"),
        (3, 9, "second: almost"),
        (1, 5, "second, step 10 of 2000"),
        (4, 5, "fourth"),
    ]
    silent = steps.Steps(None, 5)
    silent("first")
    assert silent.within("second") is None and silent.during("second".format) is None
    steps.report(None, runs.Run("nowhere"), iter(["never said"]))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (
            lambda config: fields.check_least(config, count=1, size=3),
            "`size` must be at least 3; got 2.",
        ),
        (
            lambda config: fields.check_positive(config, "size", "rate"),
            "`rate` must be positive; got inf.",
        ),
        (
            lambda config: fields.check_choice(config, name=("a", "b")),
            "Unknown `name`: 'c'. Choose one of: a, b.",
        ),
        (twins.check_given, "`twin` is 'there', but `run` is empty. Give both, or neither."),
    ],
)
def test_a_refusal_names_the_field_and_what_came(check, text):
    config = types.SimpleNamespace(
        count=1, size=2, rate=float("inf"), name="c", run="", twin="there"
    )
    with pytest.raises(ValueError) as caught:
        check(config)
    assert str(caught.value) == text


def test_an_arm_changes_the_skip_and_its_own_start_alone():
    assert twins.changes(study.ARMS["residual"], "mlp", "block='post'") == {"skip": "identity"}
    changes = twins.changes(study.ARMS["identity-biased"], "resnet")
    assert changes == {"skip": "none", "initializer": "identity"}
    changes = twins.changes(study.ARMS["tat"], "mlp")
    assert changes.pop("activation") == "tat" and changes.pop("skip") == "none"
    assert changes == {"initializer": "scaled_orthogonal"}


def test_an_arm_replaces_what_it_changes_among_the_options_of_a_family_and_keeps_the_others():
    changes = twins.changes(study.ARMS["post-norm"], "vit", "heads=4, block='pre'")
    assert changes.pop("skip") == "identity"
    assert models.spelling.options(changes.pop("options")) == {"heads": 4, "block": "post"}
    assert not changes
    with pytest.raises(ValueError, match="post-norm, which is an arm of vit and decoder and mixer"):
        twins.changes(study.ARMS["post-norm"], "mlp")
