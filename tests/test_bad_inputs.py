"""Bad input is refused by a ValueError that names the argument, what came and what to do."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests import oracles

KEY = jax.random.key(0)
LOSS, PARAMS, BATCH, _ = oracles.linear_regression()
PREDICT, CRITERION, WEIGHTS, LABELLED, _ = oracles.softmax_regression()
OP = lsgeo.dense(np.diag([1.0, 2.0, 3.0]))
NARROW = lsgeo.dense(np.eye(2, dtype=np.float32))
HUGE = lsgeo.from_matvec(lambda v: v, jnp.zeros(100_000))
DENSITY = lsgeo.spectral_density(OP, key=KEY, num_probes=2, num_steps=2)
UNEVEN = {**BATCH, "y": BATCH["y"][1:]}
PLANE = lsgeo.Surface(np.arange(2.0), np.arange(2.0), np.zeros((2, 2)))
DIRECTIONS = (PARAMS, PARAMS)
GRID = {"xs": [0.0, 1.0], "ys": [0.0, 1.0]}


def _not_finite_later():
    calls = itertools.count()
    return lambda v: v * (jnp.nan if next(calls) > 5 else 1.0)


def _loss(function):
    return lambda: lsgeo.hessian(function, PARAMS, BATCH)


def _params(value, loss=lambda p, b: 0.0):
    return lambda: lsgeo.hessian(loss, value, BATCH)


def _batches(value):
    return lambda: lsgeo.hessian(LOSS, PARAMS, batches=value)


def _extremes(op=OP, **options):
    return lambda: lsgeo.extreme_eigenpairs(op, **{"key": KEY, **options})


def _spectrum(op=OP, **options):
    return lambda: lsgeo.spectral_density(op, **{"key": KEY, **options})


def _trace(op=OP, **options):
    return lambda: lsgeo.trace(op, **{"key": KEY, "num_matvecs": 3, **options})


def _curvature(op=OP, **options):
    return lambda: lsgeo.negative_curvature(op, **{"key": KEY, **options})


def _point(loss=LOSS, **options):
    return lambda: lsgeo.classify_critical_point(loss, PARAMS, BATCH, **{"key": KEY, **options})


def _surface(directions=DIRECTIONS, **options):
    return lambda: lsgeo.surface(LOSS, PARAMS, BATCH, directions, **{**GRID, **options})


def _random():
    rng = np.random.default_rng(0)
    return lambda p, b: jnp.sum(p["w"]) * rng.random()


def _random_criterion():
    rng = np.random.default_rng(0)
    return lambda o, b: jnp.sum(o**2) * rng.random()


CASES = {
    # hessian
    "loss is no function": (_loss(3.0), "`loss` must be callable; got float"),
    "loss returns a vector": (_loss(lambda p, b: p["w"][0]), r"`loss` must return a real scalar"),
    "loss is complex": (
        _loss(lambda p, b: jnp.sum(p["w"]).astype(complex)),
        "`loss` .*real scalar.*complex",
    ),
    "loss is an integer": (_loss(lambda p, b: jnp.zeros((), int)), "`loss` .*real scalar.*int"),
    "loss returns a pair": (_loss(lambda p, b: (LOSS(p, b), 1.0)), "`loss` .*real scalar"),
    "loss returns nothing": (_loss(lambda p, b: None), "`loss` .*got nothing"),
    "loss is random": (_loss(_random()), "`loss` is random.*dropout"),
    "loss is NaN": (_loss(lambda p, b: jnp.log(-jnp.sum(p["w"] ** 2))), "`loss` is nan"),
    "loss is infinite": (_loss(lambda p, b: jnp.sum(p["w"] ** 2) / 0.0), "`loss` is inf"),
    "params are empty": (_params({}), "`params` is empty"),
    "params have no element": (_params(jnp.zeros((0, 3))), "`params` has no elements"),
    "params are integers": (_params({"w": jnp.arange(3)}), "`params` .*floating.*w is int"),
    "params are complex": (
        _params({"w": jnp.ones(3, complex)}),
        "`params` .*floating.*w is complex",
    ),
    "params are Python numbers": (_params({"w": 1.0}), "`params` .*floating.*w is float"),
    "params hold NaN": (_params({"w": jnp.array([jnp.nan])}), "`params` has a NaN .* in w"),
    "mode is unknown": (
        lambda: lsgeo.hessian(LOSS, PARAMS, BATCH, mode="exact"),
        "`mode` must be one of auto, linearized.*got 'exact'",
    ),
    "batch and batches": (
        lambda: lsgeo.hessian(LOSS, PARAMS, BATCH, batches=[BATCH]),
        "either `batch` or `batches`",
    ),
    "batches are empty": (_batches([]), "`batches` is empty"),
    "batches can be read once": (_batches(iter([BATCH])), "`batches` .*one-shot iterator"),
    "batches are a generator": (_batches(b for b in [BATCH]), "`batches` .*one-shot iterator"),
    "batches are one batch": (_batches(BATCH), "`batches` must be a list of batches.*got dict"),
    "batches are a number": (_batches(3), "`batches` must be a list of batches.*got int"),
    # gauss_newton
    "predict is no function": (
        lambda: lsgeo.gauss_newton(None, CRITERION, WEIGHTS, LABELLED),
        "`predict` must be callable; got NoneType",
    ),
    "criterion is no function": (
        lambda: lsgeo.gauss_newton(PREDICT, "mse", WEIGHTS, LABELLED),
        "`criterion` must be callable; got str",
    ),
    "Gauss-Newton at integers": (
        lambda: lsgeo.gauss_newton(PREDICT, CRITERION, jnp.arange(3), LABELLED),
        "`params` must hold real floating-point",
    ),
    # dense and from_matvec
    "matrix is not square": (lambda: lsgeo.dense(np.ones((2, 3))), r"`matrix` .*\(2, 3\)"),
    "matrix is a vector": (lambda: lsgeo.dense(np.ones(3)), "`matrix` must be square"),
    "matrix is empty": (lambda: lsgeo.dense(np.ones((0, 0))), "`matrix` .*not empty"),
    "matrix is not symmetric": (
        lambda: lsgeo.dense(np.array([[0.0, 1], [2, 0]])),
        "`matrix` must be symmetric",
    ),
    "matrix holds infinity": (lambda: lsgeo.dense(np.array([[np.inf]])), "`matrix` has .*infinity"),
    "matrix is complex": (lambda: lsgeo.dense(1j * np.eye(2)), "`matrix` .*complex"),
    "matrix of integers": (lambda: lsgeo.dense(np.eye(2, dtype=int)), "`matrix` .*int64"),
    "matvec is no function": (lambda: lsgeo.from_matvec(1, jnp.ones(3)), "`matvec` .*callable"),
    "matvec changes the shape": (
        lambda: lsgeo.from_matvec(lambda v: v[:2], jnp.ones(3)),
        r"`matvec` must return .*\(2,\)",
    ),
    "like is empty": (lambda: lsgeo.from_matvec(lambda v: v, []), "`like` is empty"),
    # the operators' methods
    "vector of another length": (lambda: OP @ jnp.ones(4), r"`v` must have .*\(4,\)"),
    "vector of another structure": (lambda: OP @ {"w": jnp.ones(3)}, "`v` must have the structure"),
    "matrix too large to form": (HUGE.to_dense, "`op` has 100000 rows.*74.5 GiB"),
    "trace of n products, too large": (
        lambda: lsgeo.trace(HUGE, key=KEY, num_matvecs=100_000),
        "`op` has 100000 rows",
    ),
    "pattern matches nothing": (
        lambda: OP.restrict("w/*"),
        "`pattern` 'w/.*' matches no parameter",
    ),
    "diagonal of another shape": (lambda: OP.precondition(jnp.ones(2)), "`diagonal` must have"),
    "diagonal is not positive": (lambda: OP.precondition(-jnp.ones(3)), "`diagonal` .*positive"),
    "diagonal holds NaN": (lambda: OP.precondition(jnp.nan * jnp.ones(3)), "`diagonal` .*positive"),
    "factor is a vector": (lambda: jnp.ones(3) * OP, "`factor` .*scalar"),
    # extreme_eigenpairs
    "op is a matrix": (_extremes(np.eye(3)), "`op` must be a lsgeo operator; got ndarray"),
    "key is an integer": (_extremes(key=0), "`key` must be one typed random key; got int"),
    "key is legacy": (_extremes(key=jax.random.PRNGKey(0)), r"`key` .*\(2,\)"),
    "keys are several": (_extremes(key=jax.random.split(KEY)), r"`key` .*\(2,\)"),
    "key is missing": (_extremes(key=None), "`key` .*NoneType"),
    "top is negative": (_extremes(top=-1), "`top` .*got -1"),
    "bottom is a fraction": (_extremes(bottom=0.5), "`bottom` must be an integer.*got 0.5"),
    "neither end": (_extremes(top=0, bottom=0), r"`top \+ bottom` .*got 0"),
    "tol is zero": (_extremes(tol=0.0), "`tol` must lie strictly between 0 and 1; got 0"),
    "tol is above one": (_extremes(tol=2.0), "`tol` must lie strictly .*got 2"),
    "tol is NaN": (_extremes(tol=float("nan")), "`tol` must lie strictly .*got nan"),
    "basis too small": (_extremes(HUGE, basis_size=3), "`basis_size` .*at least 8; got 3"),
    "no product allowed": (_extremes(HUGE, max_matvecs=0), "`max_matvecs` .*got 0"),
    # spectral_density and its methods
    "zero probes": (_spectrum(num_probes=0), "`num_probes` .*got 0"),
    "zero steps": (_spectrum(num_steps=0), "`num_steps` .*got 0"),
    "steps are a float": (_spectrum(num_steps=64.0), "`num_steps` must be an integer"),
    "steps are a bool": (_spectrum(num_steps=True), "`num_steps` must be an integer"),
    "density of a function": (_spectrum(lambda v: v), "`op` must be a lsgeo operator"),
    "density by a raw key": (_spectrum(key=np.uint32(3)), "`key` must be one typed"),
    "product that is not finite": (
        lambda: _spectrum(lsgeo.from_matvec(_not_finite_later(), jnp.ones(3)))(),
        "product of `op` was not finite at Lanczos step",
    ),
    "bandwidth is zero": (
        lambda: DENSITY.density(np.zeros(1), bandwidth=0.0),
        "`bandwidth` must be positive and finite; got 0",
    ),
    "confidence is one": (lambda: DENSITY.cumulative(0.0, confidence=1), "`confidence` .*got 1"),
    "moment is negative": (lambda: DENSITY.moment(-1), "`k` must be an integer of at least 0"),
    # trace
    "method is unknown": (_trace(method="exact"), r"`method` must be one of krylov.*'exact'"),
    "no product": (_trace(num_matvecs=0), "`num_matvecs` .*got 0"),
    "too few products": (_trace(HUGE, num_matvecs=3), "`num_matvecs` .*at least 4; got 3"),
    "trace by a raw key": (_trace(key=1), "`key` must be one typed"),
    # negative_curvature
    "failure is certain": (_curvature(failure_probability=1.0), "`failure_probability` .*got 1"),
    "no step": (_curvature(num_steps=0), "`num_steps` .*got 0"),
    "curvature of a loss": (_curvature(LOSS), "`op` must be a lsgeo operator; got function"),
    # classify_critical_point
    "gradient_tol is zero": (_point(gradient_tol=0), "`gradient_tol` .*got 0"),
    "flat_tol is negative": (_point(flat_tol=-1.0), "`flat_tol` .*got -1"),
    "curvature_tol is one": (_point(curvature_tol=1.0), "`curvature_tol` .*got 1"),
    "point by a raw key": (_point(key=0), "`key` must be one typed"),
    "point of a vector loss": (_point(lambda p, b: p["w"][0]), "`loss` must return a real scalar"),
    # directions and surfaces
    "no direction": (
        lambda: lsgeo.filter_normalized_directions(PARAMS, key=KEY, count=0),
        "`count` must be at least 1; got 0",
    ),
    "directions by a raw key": (
        lambda: lsgeo.filter_normalized_directions(PARAMS, key=7),
        "`key` must be one typed random key",
    ),
    "directions of integers": (
        lambda: lsgeo.filter_normalized_directions({"w": jnp.arange(3)}, key=KEY),
        "`params` must be real floating.*int",
    ),
    "directions of nothing": (
        lambda: lsgeo.filter_normalized_directions({}, key=KEY),
        "`params` must hold at least one array",
    ),
    "one direction": (_surface(DIRECTIONS[:1]), "`directions` must be a pair.*length 1"),
    "direction of another shape": (
        _surface((PARAMS, {"w": jnp.zeros((3, 6))})),
        r"`directions\[1\]` and `params` .* w has shape \(3, 6\) in the one and \(6, 3\)",
    ),
    "grid is not ascending": (_surface(xs=[1.0, 0.0]), "`xs` must be .*increasing"),
    "grid is empty": (_surface(ys=[]), "`ys` must be a non-empty"),
    "grid holds NaN": (_surface(xs=[0.0, np.nan]), "`xs` must be .*finite"),
    "row of another grid": (_surface(finished={0: np.zeros(3)}), "`finished` must map rows"),
    "surface without interior": (PLANE.non_convex_fraction, "`surface` must have at least 3 by 3"),
    # what several functions share
    "batch without examples": (
        lambda: lsgeo.hessian(LOSS, PARAMS, {"x": jnp.ones((0, 6)), "y": jnp.ones((0, 3))}),
        "`batch` is empty: its arrays have shapes",
    ),
    "Gauss-Newton of no batch": (
        lambda: lsgeo.gauss_newton(PREDICT, CRITERION, WEIGHTS, batches=[]),
        "`batches` is empty",
    ),
    "Gauss-Newton of batch and batches": (
        lambda: lsgeo.gauss_newton(PREDICT, CRITERION, WEIGHTS, LABELLED, batches=[LABELLED]),
        "either `batch` or `batches`",
    ),
    "Gauss-Newton at NaN": (
        lambda: lsgeo.gauss_newton(PREDICT, CRITERION, {"w": WEIGHTS["w"] * jnp.nan}, LABELLED),
        "`params` has a NaN",
    ),
    "point of batch and batches": (_point(batches=[BATCH]), "either `batch` or `batches`"),
    "surface of a vector loss": (
        lambda: lsgeo.surface(lambda p, b: p["w"], PARAMS, BATCH, DIRECTIONS, **GRID),
        "`loss` must return a real scalar",
    ),
    "vector is a matrix": (lambda: OP @ jnp.ones((3, 3)), r"`v` must have .*\(3, 3\)"),
    "vector is a list": (lambda: OP @ [1.0, 2.0, 3.0], "`v` must have the structure"),
    "diagonal of integers": (lambda: OP.precondition(jnp.arange(1, 4)), "`diagonal` .*int"),
    "like holds integers": (lambda: lsgeo.from_matvec(abs, jnp.arange(3)), "`like` .*int"),
    "like is a number": (lambda: lsgeo.from_matvec(abs, 3), "`like` .*it is int"),
    "basis size is a float": (_extremes(HUGE, basis_size=80.0), "`basis_size` .*got 80.0"),
    "bandwidth is NaN": (
        lambda: DENSITY.density(np.zeros(1), bandwidth=np.nan),
        "`bandwidth` must be positive and finite; got nan",
    ),
    # wrong types
    "factor is text": (lambda: "a" * OP, "`factor` must be a finite real scalar; got 'a'"),
    "factor is complex": (lambda: 1j * OP, "`factor` must be a finite real scalar; got 1j"),
    "factor is an array": (lambda: np.ones(3) * OP, r"`factor`.*got shape \(3,\).*`op @ v`"),
    "factor is an array of JAX": (lambda: jnp.ones(3) * OP, r"`factor`.*got shape \(3,\)"),
    "factor on the right is an array": (lambda: OP * np.ones(3), r"`factor`.*got shape \(3,\)"),
    "factor is an operator": (lambda: OP * OP, r"`factor`.*got Dense\(3 x 3, float64\)"),
    "factor is a truth value": (lambda: OP * True, "`factor`.*got True"),
    "factor leaves the range": (lambda: 1e39 * NARROW, "`factor` must lie in the range of float32"),
    "factor vanishes": (lambda: NARROW * 1e-60, "`factor` must lie in the range of float32"),
    "divisor is zero": (lambda: OP / 0, "`divisor` must not be 0; got 0"),
    "divisor is infinite": (lambda: OP / np.inf, "`divisor` must be a finite real scalar; got inf"),
    "divisor is an array": (lambda: OP / jnp.ones(3), r"`divisor`.*got shape \(3,\)"),
    "divisor is too small": (lambda: OP / 5e-324, "`1 / divisor` must lie in the range of float64"),
    "factor is NaN": (lambda: np.nan * OP, "`factor` must be a finite real scalar; got nan"),
    "factor is a NumPy vector": (lambda: np.ones(3) * OP, r"`factor` .*scalar; got shape \(3,\)"),
    "shift is NaN": (lambda: OP.shift(np.nan), "`s` must be a finite real scalar; got nan"),
    "shift is a vector": (lambda: OP.shift(np.ones(3)), r"`s` must be .*shape \(3,\)"),
    "pattern is a number": (lambda: OP.restrict(3), "`pattern` must be a glob .*got 3"),
    "pattern holds a number": (lambda: OP.restrict([3]), r"`pattern` must be a glob .*got \[3\]"),
    "diagonal of another structure": (
        lambda: OP.precondition({"a": jnp.ones(3)}),
        r"`diagonal` must have the structure .*'a'.*in place of float64\[3\]",
    ),
    "diagonal is infinite": (lambda: OP.precondition(jnp.inf * jnp.ones(3)), "`diagonal` .*finite"),
    "matrix is text": (lambda: lsgeo.dense("abc"), "`matrix` must be an array.*got str"),
    "matrix is ragged": (lambda: lsgeo.dense([[1.0], [1.0, 2.0]]), "`matrix` must be .*got list"),
    "vector is complex": (lambda: OP @ jnp.ones(3, complex), "`v` must be real; got complex128"),
    "sum with a number": (lambda: OP + 3, "`other` must be an operator .*got int.*shift"),
    "difference with text": (lambda: OP - "a", "`other` must be an operator .*got str"),
    "sum of two spaces": (lambda: OP + HUGE, r"`other` must be .*float64\[3\]; got .*\[100000\]"),
    "count is a float": (_extremes(top=1.5), "`top` must be an integer of at least 0; got 1.5"),
    "tol is text": (_extremes(tol="small"), "`tol` must lie strictly .*got 'small'"),
    "tol is None": (_extremes(tol=None), "`tol` must lie strictly .*got None"),
    "confidence is text": (
        lambda: DENSITY.cumulative(0.0, confidence="x"),
        "`confidence` must lie strictly .*got 'x'",
    ),
    "bandwidth is text": (
        lambda: DENSITY.density(np.zeros(1), bandwidth="a"),
        "`bandwidth` must be positive and finite; got 'a'",
    ),
    "ends are exchanged": (lambda: DENSITY.fraction_within(1, 0), "`low` must not exceed `high`"),
    # a loss and its data
    "batch of two lengths": (
        lambda: lsgeo.hessian(LOSS, PARAMS, UNEVEN),
        r"`loss` cannot be computed from `params` and `batch`.*\(39, 3\).*incompatible shapes",
    ),
    "streamed batch of two lengths": (_batches([UNEVEN]), "`batch`.*equally many"),
    "loss is NaN everywhere": (_loss(lambda p, b: LOSS(p, b) * jnp.nan), "`loss` is nan"),
    "weighted loss is NaN everywhere": (
        lambda: lsgeo.hessian(
            lambda p, b: LOSS(p, b) * jnp.nan, PARAMS, BATCH, weights=np.ones(len(BATCH["x"]))
        ),
        "`loss` is nan",
    ),
    "one example of a covariance": (
        lambda: lsgeo.gradient_covariance(LOSS, PARAMS, jax.tree.map(lambda leaf: leaf[:1], BATCH)),
        "`batch` has one example",
    ),
    "criterion is a vector": (
        lambda: lsgeo.gauss_newton(PREDICT, lambda o, b: o[0], WEIGHTS, LABELLED),
        "`criterion` must return a real scalar",
    ),
    "criterion takes other outputs": (
        lambda: lsgeo.gauss_newton(PREDICT, lambda o, b: jnp.sum(o @ o), WEIGHTS, LABELLED),
        "`criterion` cannot be computed from its outputs",
    ),
    "criterion is random": (
        lambda: lsgeo.split_hessian(PREDICT, _random_criterion(), WEIGHTS, LABELLED),
        "`criterion` is random",
    ),
    "predict takes other params": (
        lambda: lsgeo.gauss_newton(PREDICT, CRITERION, {"w": jnp.ones((99, 2))}, LABELLED),
        "`predict` cannot be computed from `params`",
    ),
    "predict returns integers": (
        lambda: lsgeo.gauss_newton(
            lambda p, b: PREDICT(p, b).argmax(1), lambda o, b: 0.0, WEIGHTS, LABELLED
        ),
        "`predict` must return real floating-point arrays; got int",
    ),
    "product of a loss holds NaN": (
        lambda: lsgeo.hessian(lambda p, b: jnp.sqrt(jnp.sum(p**2)), jnp.zeros(2), BATCH),
        "product of `loss` has a NaN",
    ),
    "matvec is not linear": (
        lambda: lsgeo.from_matvec(jnp.abs, jnp.ones(3)),
        "product of `matvec` is not linear",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_with_the_argument_in_backticks(name):
    call, message = CASES[name]
    assert "`" in message
    with pytest.raises(ValueError, match=message):
        call()


def test_density_at_one_point_is_a_scalar_and_keeps_the_shape_of_its_grid():
    grid = np.array([[1.0, 2.0], [2.5, 3.0]])
    values = DENSITY.density(grid, bandwidth=0.5)
    assert values.shape == grid.shape
    assert DENSITY.density(2.5, bandwidth=0.5) == pytest.approx(values[1, 0], rel=1e-12)
