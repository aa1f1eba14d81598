"""Which code made a study's runs: provenance that is written by hand, and a repository of one's own."""

import hashlib
import json
import shutil
import subprocess
import sys

from configs import study_tiny
from lsgeo import provenance, runs
from lsgeo.study import _origins, table
from lsgeo.study.plan import networks

CONFIG = study_tiny.get_config()


def made(place, **fields):
    runs.open_run(place, CONFIG.mlp)
    runs.write_json(place / "provenance.json", fields)
    return place


def test_runs_of_two_commits_and_one_with_changes_are_told_apart(tmp_path):
    places = [
        made(tmp_path / "a", git_commit="f0", git_changes=""),
        made(tmp_path / "b", git_commit="f0", git_changes=" M lsgeo/trees.py"),
        made(tmp_path / "c", git_commit="a1"),
        made(tmp_path / "d", git_commit="f0", git_changes=""),
    ]
    assert _origins.commits_of(places) == ["a1", "f0", "f0+changes"]
    (text,) = _origins.warning(_origins.commits_of(places))
    assert "3 states of the code: a1, f0, f0 with changes that are in no commit" in text


def test_a_study_of_one_commit_needs_no_warning_but_one_of_changed_code_does():
    assert _origins.warning(["f0"]) == _origins.warning([]) == []
    assert "code that was changed: f0 with changes" in _origins.warning(["f0+changes"])[0]


def test_a_lost_or_damaged_provenance_tells_of_no_commit(tmp_path):
    place = made(tmp_path / "a", git_commit="f0")
    (place / "provenance.json").write_text("{")
    assert _origins.commit_of(place) == "" == _origins.commit_of(tmp_path / "nowhere")
    assert _origins.record_of(tmp_path / "nowhere") == ""


def test_a_record_s_hash_is_that_of_its_configuration_in_whatever_order(tmp_path):
    place = made(tmp_path / "a")
    (place / "config.json").write_text('{"b": 1, "a": [2.0, NaN]}')
    expected = hashlib.sha256(b'{"a": [2.0, NaN], "b": 1}').hexdigest()
    assert (
        _origins.record_of(place)
        == expected
        == provenance.sha256_of({"a": [2.0, float("nan")], "b": 1})
    )


def test_a_network_names_the_commits_of_all_its_runs_but_not_of_what_was_set_aside(tmp_path):
    (cell, *_) = networks(CONFIG.blocks(), CONFIG.pairs(), tmp_path)
    made(cell.path / "train", git_commit="f0")
    runs.Run(cell.path / "train").save("summary", {"seconds": 1.0, "levels": [], "reached": []})
    made(cell.path / "spectrum", git_commit="a1")
    made(cell.path / "surface", git_commit="b2")
    made(cell.path / "twins.damaged-2", git_commit="c3")
    assert table._made(cell, {cell.path / "surface"})["commit"] == "a1 f0"


def test_a_package_that_lies_in_another_repository_is_of_none_of_its_commits(tmp_path):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "a"], check=True)
    shutil.copy(provenance.__file__, tmp_path / "elsewhere.py")
    ask = "import elsewhere, json; print(json.dumps(elsewhere.here({})))"
    told = {"capture_output": True, "text": True, "check": True, "cwd": tmp_path, "timeout": 120}
    done = subprocess.run([sys.executable, "-c", ask], **told)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["git_commit"] is None and found["git_changes"] is None
    subprocess.run([*git, "add", "elsewhere.py"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "b"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], **told).stdout.strip()
    done = subprocess.run([sys.executable, "-c", ask], **told)
    assert json.loads(done.stdout.splitlines()[-1])["git_commit"] == head
