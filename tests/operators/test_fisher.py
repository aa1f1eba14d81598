"""The Fisher matrix against sums over all labels and the Gauss-Newton matrix (oracle O25)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from tests import oracles
from tests.operators import problems

PREDICT, CRITERION, _, PARAMS, BATCH = problems.net()
JACOBIAN = problems.jacobian(PARAMS, BATCH)
PROBS = np.asarray(jax.nn.softmax(PREDICT(PARAMS, BATCH)))


def _all_labels():
    # E over y of g g' with g = J'(p - e_y), written out over the three labels.
    scores = PROBS[:, None, :] - np.eye(3)[None]
    gradients = np.einsum("nyk,nkp->nyp", scores, JACOBIAN)
    return np.einsum("ny,nyp,nyq->pq", PROBS, gradients, gradients) / len(PROBS)


def _exact_gaussian():
    return np.einsum("nkp,nkq->pq", JACOBIAN, JACOBIAN) / len(JACOBIAN)


def test_softmax_fisher_is_the_sum_over_all_labels_and_the_gauss_newton_matrix():
    fisher = lsgeo.fisher(PREDICT, PARAMS, BATCH).to_dense()
    np.testing.assert_allclose(fisher, _all_labels(), rtol=1e-10, atol=1e-12)
    gauss_newton = lsgeo.gauss_newton(PREDICT, CRITERION, PARAMS, BATCH).to_dense()
    np.testing.assert_allclose(fisher, gauss_newton, rtol=1e-10, atol=1e-12)


def test_softmax_fisher_of_softmax_regression_is_the_kronecker_sum():
    predict, _, params, batch, matrix = oracles.softmax_regression()
    op = lsgeo.fisher(predict, params, batch)
    np.testing.assert_allclose(op.to_dense(), matrix, rtol=1e-10, atol=1e-12)


def test_gaussian_fisher_is_the_mean_of_the_squared_jacobian_whatever_the_outputs_rank():
    op = lsgeo.fisher(PREDICT, PARAMS, BATCH, likelihood="gaussian")
    np.testing.assert_allclose(op.to_dense(), _exact_gaussian(), rtol=1e-10, atol=1e-12)
    deep = lsgeo.fisher(
        lambda p, b: PREDICT(p, b).reshape(-1, 3, 1), PARAMS, BATCH, likelihood="gaussian"
    )
    np.testing.assert_allclose(deep.to_dense(), _exact_gaussian(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("likelihood", ["softmax", "gaussian"])
def test_sampled_fisher_is_unbiased_and_positive_semi_definite(likelihood):
    exact = {"softmax": _all_labels, "gaussian": _exact_gaussian}[likelihood]()
    vs = np.random.default_rng(9).standard_normal((4, len(exact)))
    forms = []
    for seed in range(60):
        op = lsgeo.fisher(
            PREDICT,
            PARAMS,
            BATCH,
            likelihood=likelihood,
            key=jax.random.key(seed),
            num_samples=2,
        )
        products = np.stack([np.asarray(op @ jnp.asarray(v)) for v in vs])
        forms.append(np.r_[np.sum(vs * products, axis=1), vs[0] @ products[1]])
    expected = np.r_[np.einsum("ip,pq,iq->i", vs, exact, vs), vs[0] @ exact @ vs[1]]
    error = np.std(forms, axis=0, ddof=1) / np.sqrt(len(forms))
    # Four standard errors of five forms: a right code fails on one set of keys in about 2000.
    np.testing.assert_array_less(np.abs(np.mean(forms, axis=0) - expected), 4 * error)
    assert np.linalg.norm(np.std(forms, axis=0)) > 1e-3 * np.linalg.norm(expected)
    values = np.linalg.eigvalsh(op.to_dense())
    assert values[0] > -1e-12 * values[-1]
    # 7 examples with 2 labels each: rank 14 of 24 at most.
    assert np.sum(values > 1e-10 * values[-1]) <= 14


@pytest.mark.parametrize("options", [{}, {"key": jax.random.key(3), "num_samples": 2}])
def test_fisher_of_ragged_batches_is_that_of_the_full_batch_label_by_label(options):
    whole = lsgeo.fisher(PREDICT, PARAMS, BATCH, **options).to_dense()
    parts = problems.rows(BATCH, (3, 1, 2, 1))
    op = lsgeo.fisher(PREDICT, PARAMS, batches=parts, **options)
    np.testing.assert_allclose(op.to_dense(), whole, rtol=1e-10, atol=1e-12)


def test_fisher_of_a_net_that_normalises_by_the_batch_is_not_streamed():
    def predict(params, batch):
        outputs = PREDICT(params, batch)
        return outputs - outputs.mean(0, keepdims=True)

    assert lsgeo.fisher(predict, PARAMS, BATCH).shape == (24, 24)
    with pytest.raises(ValueError, match="`predict` gives an example other outputs.*batch normal"):
        lsgeo.fisher(predict, PARAMS, batches=[BATCH])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "poisson"}, "`likelihood` must be 'softmax' or 'gaussian'; got 'poisson'"),
        ({"key": jax.random.key(0)}, "`key` and `num_samples` come together"),
        ({"num_samples": 3}, "`key` and `num_samples` come together"),
        ({"key": 0, "num_samples": 1}, "`key` must be one typed random key; got int"),
        (
            {"key": jax.random.split(jax.random.key(0)), "num_samples": 1},
            "must be one typed random key",
        ),
        (
            {"key": jax.random.key(0), "num_samples": 0},
            "`num_samples` must be an integer of at lea",
        ),
        ({"key": jax.random.key(0), "num_samples": 1.0}, "`num_samples` must be an integer"),
        ({"batches": [BATCH]}, "either `batch` or `batches`"),
    ],
)
def test_bad_arguments_of_fisher_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.fisher(PREDICT, PARAMS, BATCH, **options)


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (lambda p, b: PREDICT(p, b).sum(), r"must return one real array \[N, K\] with N = 7"),
        (lambda p, b: PREDICT(p, b)[None], "with N = 7"),
        (lambda p, b: PREDICT(p, b)[..., None], "positions"),
        (lambda p, b: PREDICT(p, b) * np.random.default_rng().random(), "`predict` is random"),
        (None, "`predict` must be callable"),
    ],
)
def test_outputs_without_a_likelihood_are_refused(predict, message):
    with pytest.raises(ValueError, match=message):
        lsgeo.fisher(predict, PARAMS, BATCH)
