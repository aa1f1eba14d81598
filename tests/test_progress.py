"""A long call says how far it is: to a listener each product, to a terminal now and then, to a file nothing."""

import io
import itertools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo import progress
from tests import oracles

KEY = jax.random.key(0)
VALUES = np.r_[np.linspace(-1, 1, 90), np.linspace(2, 20, 10)]


class Terminal(io.StringIO):
    """A standard error with a person before it."""

    def isatty(self):
        return True


class Clock:
    """Time that goes on by `step` seconds at every look."""

    def __init__(self, step):
        self.now, self.step = 0.0, step

    def monotonic(self):
        self.now += self.step
        return self.now


@pytest.fixture
def terminal(monkeypatch):
    # Not sys.stderr, which pytest puts back before the test.
    monkeypatch.setattr(progress, "sys", types.SimpleNamespace(stderr=Terminal()))
    monkeypatch.setattr(progress, "time", Clock(1.0))
    return progress.sys.stderr


def operator():
    calls = []

    def matvec(v):
        calls.append(1)
        return jnp.asarray(VALUES) * v

    op = lsgeo.from_matvec(matvec, jnp.zeros(100))
    calls.clear()
    return op, calls


LISTENED = {
    "extreme_eigenpairs": (lsgeo.extreme_eigenpairs, {"basis_size": 12, "max_matvecs": 300}, 300),
    "extreme_eigenpairs, whole": (lsgeo.extreme_eigenpairs, {"basis_size": 100}, 100),
    "trace": (lsgeo.trace, {"num_matvecs": 24}, 24),
    "trace, exact": (lsgeo.trace, {"num_matvecs": 500}, 100),
    "trace to a tolerance": (lsgeo.trace, {"rel_tol": 0.2, "method": "hutchinson"}, 100),
    "xtrace": (lsgeo.trace, {"num_matvecs": 24, "method": "xtrace"}, 24),
    "layer_traces": (lsgeo.layer_traces, {"num_matvecs": 20}, 20),
    "spectral_density": (lsgeo.spectral_density, {"num_probes": 2, "num_steps": 5}, 10),
    "layer_spectra": (lsgeo.layer_spectra, {"num_probes": 2, "num_steps": 5}, 10),
}


@pytest.mark.parametrize("name", LISTENED)
def test_a_listener_hears_of_every_product(name):
    function, options, total = LISTENED[name]
    op, calls = operator()
    heard = []
    function(op, key=KEY, progress=lambda *said: heard.append(said), **options)
    assert [done for done, _, _ in heard] == list(range(1, len(calls) + 1))
    assert {most for _, most, _ in heard} == {total} and len(calls) <= total
    assert all(isinstance(text, str) for _, _, text in heard)


def test_a_search_says_how_many_pairs_have_converged():
    heard = []
    pairs = lsgeo.extreme_eigenpairs(
        operator()[0], key=KEY, basis_size=20, progress=lambda *said: heard.append(said[2])
    )
    assert pairs.converged.all()
    assert heard[0] == "" and heard[-1] == "2 of 2 pairs converged"


QUIET = {
    "extreme_eigenpairs": lambda op: lsgeo.extreme_eigenpairs(op, key=KEY, basis_size=12),
    "trace": lambda op: lsgeo.trace(op, key=KEY, num_matvecs=24),
    "diagonal": lambda op: lsgeo.diagonal(op, key=KEY, num_matvecs=24),
    "frobenius_norm": lambda op: lsgeo.frobenius_norm(op, key=KEY, num_matvecs=24),
    "spectral_density": lambda op: lsgeo.spectral_density(op, key=KEY, num_steps=5),
    "spectral_sum": lambda op: lsgeo.spectral_sum(op, np.exp, key=KEY, num_steps=3),
    "chebyshev_density": lambda op: lsgeo.chebyshev_density(op, key=KEY, num_moments=8),
    "negative_curvature": lambda op: lsgeo.negative_curvature(op, key=KEY, num_steps=20),
    "index_estimate": lambda op: lsgeo.index_estimate(op, key=KEY, num_probes=2, num_steps=10),
    "layer_spectra": lambda op: lsgeo.layer_spectra(op, key=KEY, num_steps=5),
    "layer_traces": lambda op: lsgeo.layer_traces(op, key=KEY, num_matvecs=20),
    "block_diagonal_share": lambda op: lsgeo.block_diagonal_share(op, key=KEY, num_probes=4),
    "to_dense": lambda op: op.to_dense(),
}


@pytest.mark.parametrize("name", QUIET)
def test_a_person_sees_the_call_and_its_products_on_one_line_that_goes_away(name, terminal):
    QUIET[name](operator()[0])
    lines = terminal.getvalue().split("\r")
    assert lines[0] == "" and lines[-1] == "" and not lines[-2].strip()
    shown = [line.rstrip() for line in lines[1:-2]]
    assert shown and all(line.startswith(f"{name}: ") and " products, " in line for line in shown)
    assert all(len(line) < 80 and "\n" not in line for line in shown)
    counts = [int(line.split(": ")[1].split()[0]) for line in shown]
    assert counts == sorted(counts) and counts[-1] > counts[0]


def test_nothing_is_shown_before_two_seconds_and_then_two_lines_a_second(terminal, monkeypatch):
    for step, shown in ((0.01, 0), (0.1, 5)):
        monkeypatch.setattr(progress, "time", clock := Clock(step))
        op, calls = operator()
        lsgeo.trace(op, key=KEY, num_matvecs=40, method="hutchinson")
        lines = terminal.getvalue().count("trace: ")
        assert len(calls) == 40 and (lines == 0 if not shown else 3 <= lines <= clock.now / 0.5)


def test_a_file_a_listener_and_whoever_turned_it_off_see_no_line(terminal, monkeypatch):
    lsgeo.trace(operator()[0], key=KEY, num_matvecs=24, progress=lambda *said: None)
    lsgeo.spectral_density(operator()[0], key=KEY, num_steps=5, progress=lambda *said: None)
    lsgeo.layer_spectra(operator()[0], key=KEY, num_steps=5, progress=lambda *said: None)
    monkeypatch.setattr(progress, "_shown", [None])
    progress.show(False)
    lsgeo.trace(operator()[0], key=KEY, num_matvecs=24)
    assert terminal.getvalue() == ""
    progress.sys.stderr = pipe = io.StringIO()
    progress.show(None)
    lsgeo.trace(operator()[0], key=KEY, num_matvecs=24)
    assert pipe.getvalue() == ""
    progress.show(True)
    lsgeo.trace(operator()[0], key=KEY, num_matvecs=24)
    assert "trace: " in pipe.getvalue()


def test_a_stream_says_which_batch_it_has_come_to(terminal):
    loss, params, batch, _ = oracles.linear_regression()
    parts = [jax.tree.map(lambda leaf, i=i: leaf[i : i + 13], batch) for i in range(0, 39, 13)]
    op = lsgeo.hessian(loss, params, batches=parts)
    before = len(terminal.getvalue())
    lsgeo.spectral_density(op, key=KEY, num_probes=1, num_steps=8)
    shown = terminal.getvalue()[before:]
    assert "spectral_density: " in shown and "; batch 2 of 3" in shown
    op @ params
    assert "matvec: 3 s; batch 2 of 3" in terminal.getvalue()[before + len(shown) :]


def test_a_call_that_fails_leaves_no_line_and_no_call_behind(terminal):
    calls = itertools.count()
    op = lsgeo.from_matvec(lambda v: v * (jnp.nan if next(calls) > 20 else 1.0), jnp.ones(50))
    with pytest.raises(ValueError, match="not finite"):
        lsgeo.trace(op, key=KEY, num_matvecs=40, method="hutchinson")
    assert terminal.getvalue().endswith("\r") and progress._current.get() is None


def test_results_do_not_depend_on_who_listens():
    quiet = lsgeo.extreme_eigenpairs(operator()[0], key=KEY, basis_size=12)
    heard = lsgeo.extreme_eigenpairs(
        operator()[0], key=KEY, basis_size=12, progress=lambda *said: None
    )
    np.testing.assert_array_equal(quiet.values, heard.values)
    assert quiet.num_matvecs == heard.num_matvecs
