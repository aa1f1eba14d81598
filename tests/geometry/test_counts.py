"""Surfaces, sharpness and critical points of a mean over tokens, streamed, against all data in one batch."""

import jax
import numpy as np
import pytest

import lsgeo
from lsgeo import geometry
from tests.operators.problems import rows
from tests.operators.test_counts import class_weighted, count, importance, tokens

KEY = jax.random.key(3)
MEASURES = {
    "average": lambda *a, **k: geometry.average_sharpness(*a, key=KEY, radius=0.1, **k).value,
    "worst": lambda *a, **k: (
        geometry.worst_sharpness(*a, key=KEY, radius=0.1, num_starts=1, num_steps=3, **k).value
    ),
    "sam": lambda *a, **k: geometry.sam_sharpness(*a, **k).value,
    "keskar": lambda *a, **k: (
        geometry.keskar_sharpness(*a, key=KEY, num_starts=1, num_steps=3, **k).value
    ),
    "hessian": lambda *a, **k: geometry.hessian_sharpness(*a, key=KEY, num_matvecs=8, **k).largest,
    "pac_bayes": lambda *a, **k: geometry.pac_bayes_sigma(*a, key=KEY, num_pairs=2, **k).sigma,
    "filter": lambda *a, **k: geometry.filter_radius(*a, key=KEY, num_directions=1, **k).radii,
    "learning": lambda *a, **k: (
        geometry.learning_coefficient(
            *a, key=KEY, localization=1.0, scale=5.0, num_chains=2, num_burn_in=2, num_draws=2, **k
        ).value
    ),
    "critical": lambda *a, **k: lsgeo.classify_critical_point(*a, key=KEY, **k).gradient_norm,
    "slope": lambda *a, **k: geometry.gradient_direction(*a, **k)[1],
    "eigenvectors": lambda *a, **k: geometry.eigenvector_directions(*a, key=KEY, **k)[1].values,
}


@pytest.mark.parametrize("name", MEASURES)
def test_a_streamed_token_mean_gives_what_one_batch_gives(name):
    _, _, loss, params, batch = tokens(masked=(0, 4, 5, 6, 7))
    parts = rows(batch, (4, 4, 4))
    found = MEASURES[name](loss, params, batches=parts, count=count)
    np.testing.assert_allclose(found, MEASURES[name](loss, params, batch), rtol=1e-6)
    with pytest.raises(ValueError, match="`loss` is not a mean over examples.*`count="):
        MEASURES[name](loss, params, batches=parts)


@pytest.mark.parametrize("sizes", [(4, 4, 4), (5, 7)])
@pytest.mark.parametrize("chunk", [1, 3])
def test_a_streamed_surface_is_that_of_the_union(sizes, chunk):
    _, _, loss, params, batch = tokens(masked=(4, 5, 6, 7))
    directions = geometry.random_directions(params, key=KEY, axes=lambda path: (0,))
    grid = {"xs": [-1.0, 0.0, 1.0], "ys": [0.0, 0.5]}
    parts = {"batches": rows(batch, sizes), "count": count}
    found = geometry.surface(loss, params, None, directions, **grid, **parts, chunk=chunk)
    x, y = directions
    expected = [
        [float(loss(params + i * x + j * y, batch)) for i in grid["xs"]] for j in grid["ys"]
    ]
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)
    assert found.values.dtype == np.float64
    seen = []
    again = geometry.surface(
        loss,
        params,
        None,
        directions,
        **grid,
        **parts,
        finished={0: found.values[0]},
        on_row=lambda row, values: seen.append(row),
        devices=jax.devices()[:1],
    )
    np.testing.assert_array_equal(again.values, found.values)
    assert seen == [1]


def test_a_surface_of_what_is_no_mean_is_refused():
    _, _, loss, params, batch = tokens()
    directions = geometry.random_directions(params, key=KEY, axes=lambda path: (0,))
    parts = rows(batch, (4, 4, 4))
    for data, message in (
        ({"batch": None, "batches": parts}, "`loss` is not a mean over examples.*`count="),
        ({"batch": batch, "batches": parts}, "either `batch` or `batches`"),
        ({"batch": {"x": np.zeros((0, 3))}}, "`batch` is empty"),
        ({"batch": None, "batches": parts, "count": len}, "`count` must add up|over what `count`"),
    ):
        with pytest.raises(ValueError, match=message):
            geometry.surface(loss, params, directions=directions, xs=[0.0], ys=[0.0], **data)


@pytest.mark.parametrize("sizes", [None, (5, 9)])
def test_the_fisher_rao_norm_of_weighted_classes_is_the_weighted_mean_over_rows(sizes):
    predict, criterion, _, params, batch = class_weighted()
    data = {"batch": batch} if sizes is None else {"batches": rows(batch, sizes)}
    weights = np.array([importance(one) for one in rows(batch, [1] * 14)])
    logits, along = jax.jvp(lambda p: predict(p, batch), (params,), (params,))
    p = np.asarray(jax.nn.softmax(logits))
    u = np.asarray(along)
    centred = u - np.sum(p * u, axis=1, keepdims=True)
    exact = weights @ np.sum(p * centred**2, axis=1) / weights.sum()
    found = geometry.fisher_rao_norm(predict, params, **data, count=importance)
    assert found.squared == pytest.approx(exact, rel=1e-10)
    slopes = p - np.eye(3)[np.asarray(batch["y"])]
    exact = weights @ np.sum(slopes * u, axis=1) ** 2 / weights.sum()
    observed = {"criterion": criterion, **data}
    found = geometry.fisher_rao_norm(predict, params, **observed, count=importance)
    assert found.squared == pytest.approx(exact, rel=1e-10)
    with pytest.raises(ValueError, match="`criterion` is not a mean over examples"):
        geometry.fisher_rao_norm(predict, params, **observed)
