"""Means over tokens, weights and labels: exact where `count` says what they are over, else refused.

The oracle is jax.hessian of the loss of all the data in one batch, or sums over single examples by NumPy.
"""

import doctest
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lsgeo
from lsgeo.operators.products import means, streaming
from tests.operators import problems

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "spectra.md"
VOCABULARY = 5
IMPORTANCE = np.array([0.3, 1.0, 4.0])  # of the classes


def tokens(short=8, masked=()):
    """A mean over unmasked tokens: predict, criterion, loss, parameters, one batch of 12 sequences.

    Sequences from `short` on have two tokens out of six, those in `masked` none.
    """
    rng = np.random.default_rng(0)
    mask = np.ones((12, 6))
    mask[short:, 2:] = 0
    mask[list(masked)] = 0
    batch = {
        "x": rng.standard_normal((12, 6, 3)),
        "y": rng.integers(0, VOCABULARY, (12, 6)),
        "mask": mask,
    }
    params = jnp.asarray(0.5 * rng.standard_normal((3, VOCABULARY)))

    def predict(w, b):
        return jnp.tanh(b["x"] @ w)

    def criterion(logits, b):
        logs = jax.nn.log_softmax(logits)
        nll = -jnp.take_along_axis(logs, b["y"][..., None], -1)[..., 0]
        return jnp.sum(nll * b["mask"]) / jnp.sum(b["mask"])

    return predict, criterion, lambda w, b: criterion(predict(w, b), b), params, batch


def count(batch):
    return batch["mask"].sum()


def class_weighted():
    """Cross-entropy weighted by class and divided by the sum of the weights, as of PyTorch."""
    predict, _, _, params, batch = problems.net(num=14)

    def criterion(outputs, b):
        chosen = jax.nn.one_hot(b["y"], outputs.shape[1], dtype=outputs.dtype)
        weights = jnp.asarray(IMPORTANCE)[b["y"]]
        nll = -jnp.sum(chosen * jax.nn.log_softmax(outputs), axis=1)
        return jnp.sum(weights * nll) / jnp.sum(weights)

    return predict, criterion, lambda w, b: criterion(predict(w, b), b), params, batch


def importance(batch):
    return IMPORTANCE[np.asarray(batch["y"])].sum()


def dense(loss, params, batch):
    flat, unravel = jax.flatten_util.ravel_pytree(params)
    return np.asarray(jax.jit(jax.hessian(lambda w: loss(unravel(w), batch)))(flat))


def gradients(loss, params, batch):
    """Gradients of the single examples [N, P]; NaN for one that counts nothing."""
    flat, unravel = jax.flatten_util.ravel_pytree(params)
    num = len(batch["y"])
    slope = jax.jit(jax.grad(lambda w, b: loss(unravel(w), b)))
    return np.array([slope(flat, one) for one in problems.rows(batch, [1] * num)])


def close(op, expected):
    np.testing.assert_allclose(op.to_dense(), expected, rtol=1e-9, atol=1e-12)


SPLITS = [(4, 4, 4), (8, 4), (1, 11), (5, 1, 3, 3), (12,), (2, 7, 3)]


@pytest.mark.parametrize("sizes", SPLITS)
@pytest.mark.parametrize("masked", [(), (0, 5), (4, 5, 6, 7), (11,)])
def test_a_streamed_token_mean_has_the_hessian_of_the_union(sizes, masked):
    predict, criterion, loss, params, batch = tokens(masked=masked)
    expected = dense(loss, params, batch)
    for parts in (problems.rows(batch, sizes), problems.rows(batch, sizes)[::-1]):
        close(lsgeo.hessian(loss, params, batches=parts, count=count), expected)
    given = lsgeo.split_hessian(predict, criterion, params, batches=parts, count=count)
    whole = lsgeo.split_hessian(predict, criterion, params, batch)
    for one, other in zip(given, whole, strict=True):
        close(one, np.asarray(other.to_dense()))
    close(given[0] + given[1], expected)
    g = lsgeo.gauss_newton(predict, criterion, params, batches=parts, count=count)
    close(g, np.asarray(whole[0].to_dense()))


def test_value_and_gradient_of_a_streamed_token_mean_are_those_of_the_union():
    _, _, loss, params, batch = tokens(masked=(4, 5, 6, 7))
    parts = problems.rows(batch, (4, 4, 4))
    value, gradient, op = lsgeo.operators.value_gradient_hessian(
        loss, params, batches=parts, count=count
    )
    assert value == pytest.approx(float(loss(params, batch)), rel=1e-12)
    np.testing.assert_allclose(gradient, jax.grad(loss)(params, batch), rtol=1e-10)
    close(op, dense(loss, params, batch))


@pytest.mark.parametrize("sizes", [None, (5, 9), (4, 7, 3)])
def test_class_weights_are_exact_when_counted(sizes):
    predict, criterion, loss, params, batch = class_weighted()
    parts = {"batch": batch} if sizes is None else {"batches": problems.rows(batch, sizes)}
    close(lsgeo.hessian(loss, params, **parts, count=importance), dense(loss, params, batch))
    slopes, share = gradients(loss, params, batch), importance_of(batch) / importance(batch)
    op = lsgeo.empirical_fisher(loss, params, **parts, count=importance)
    close(op, (slopes.T * share) @ slopes)
    centred = slopes - share @ slopes
    op = lsgeo.gradient_covariance(loss, params, **parts, count=importance)
    close(op, (centred.T * share) @ centred)
    # Cross-entropy: the Fisher matrix of the model's labels is the Gauss-Newton matrix.
    g = lsgeo.gauss_newton(predict, criterion, params, batch)
    op = lsgeo.fisher(predict, params, **parts, count=importance)
    close(op, np.asarray(g.to_dense()))


def importance_of(batch):
    return IMPORTANCE[np.asarray(batch["y"])]


@pytest.mark.parametrize("sizes", [None, (4, 4, 4), (5, 1, 3, 3), (6, 6)])
def test_weights_and_counts_multiply_and_a_masked_example_poisons_nothing(sizes):
    predict, criterion, loss, params, batch = tokens(masked=(0, 4, 5, 6, 7))
    data = {"batch": batch} if sizes is None else {"batches": problems.rows(batch, sizes)}
    weights = np.random.default_rng(3).exponential(size=12)
    weights[2] = 0
    # The weighted mean of the examples' losses over their tokens, as one mask.
    mixed = {**batch, "mask": batch["mask"] * weights[:, None]}
    op = lsgeo.hessian(loss, params, **data, weights=weights, count=count)
    close(op, dense(loss, params, mixed))
    op = lsgeo.gauss_newton(predict, criterion, params, **data, weights=weights, count=count)
    expected = lsgeo.gauss_newton(predict, criterion, params, mixed).to_dense()
    close(op, np.asarray(expected))


@pytest.mark.parametrize("sizes", [None, (4, 4, 4), (5, 1, 3, 3)])
def test_gradient_moments_of_a_token_mean_leave_masked_examples_out(sizes):
    _, _, loss, params, batch = tokens(masked=(0, 4, 5, 6, 7))
    data = {"batch": batch} if sizes is None else {"batches": problems.rows(batch, sizes)}
    there = batch["mask"].any(axis=1)
    slopes = gradients(loss, params, batch)[there]
    share = batch["mask"].sum(axis=1)[there] / batch["mask"].sum()
    close(
        lsgeo.empirical_fisher(loss, params, **data, count=count),
        (slopes.T * share) @ slopes,
    )
    centred = slopes - share @ slopes
    np.testing.assert_allclose(
        share @ slopes, np.ravel(jax.grad(loss)(params, batch)), rtol=1e-9, atol=1e-12
    )
    close(
        lsgeo.gradient_covariance(loss, params, **data, count=count),
        (centred.T * share) @ centred,
    )


def test_rows_of_padding_are_left_out_of_a_fisher_matrix():
    predict, _, _, params, batch = problems.net(num=9)
    padded = {k: jnp.concatenate([v, v[:3]]) for k, v in batch.items()}
    padded["mask"] = jnp.r_[jnp.ones(9), jnp.zeros(3)]
    expected = np.asarray(lsgeo.fisher(predict, params, batch).to_dense())
    close(lsgeo.fisher(predict, params, padded, count=count), expected)
    for sizes in ((10, 2), (4, 5, 3)):
        parts = problems.rows(padded, sizes)
        close(lsgeo.fisher(predict, params, batches=parts, count=count), expected)


MIDDLE = (1, 11, 0, 2, 3, 8, 9, 10, 4, 5, 6, 7)


@pytest.mark.parametrize("order", [range(12), range(11, -1, -1), MIDDLE])
def test_a_token_mean_that_nobody_counts_is_refused_wherever_the_padding_stands(order):
    predict, criterion, loss, params, batch = tokens()
    parts = problems.rows({k: v[list(order)] for k, v in batch.items()}, (4, 4, 4))
    message = r"is not a mean over examples.*unmasked tokens.*`count=lambda batch: batch\['mask'\]"
    for make in (
        lambda: lsgeo.hessian(loss, params, batches=parts),
        lambda: lsgeo.gauss_newton(predict, criterion, params, batches=parts),
        lambda: lsgeo.split_hessian(predict, criterion, params, batches=parts),
        lambda: lsgeo.empirical_fisher(loss, params, batches=parts),
        lambda: lsgeo.gradient_covariance(loss, params, batches=parts),
        lambda: lsgeo.empirical_fisher(loss, params, batch),
        lambda: lsgeo.hessian(loss, params, batch, weights=np.ones(12)),
    ):
        with pytest.raises(ValueError, match=message):
            make()


@pytest.mark.parametrize("sizes", [(20,) * 5, (1,) * 100, (3, 97), (96, 4)])
def test_one_short_sequence_among_a_hundred_is_seen(sizes):
    rng = np.random.default_rng(1)
    mask = np.ones((100, 6), np.float32)
    mask[77, 5:] = 0
    batch = {"x": rng.standard_normal((100, 6, 3)).astype(np.float32), "mask": mask}
    params = jnp.asarray(rng.standard_normal(3), jnp.float32)

    def loss(w, b):
        return jnp.sum(b["mask"] * (b["x"] @ w) ** 2) / jnp.sum(b["mask"])

    parts = problems.rows(batch, sizes)
    with pytest.raises(ValueError, match="not a mean over examples"):
        lsgeo.hessian(loss, params, batches=parts)
    op = lsgeo.hessian(loss, params, batches=parts, count=count)
    np.testing.assert_allclose(op.to_dense(), dense(loss, params, batch), rtol=2e-5)


def test_losses_that_are_all_alike_hide_no_weights():
    # A head of zeros gives every token the loss ln K, whatever its weight.
    _, _, loss, params, batch = tokens()
    parts = problems.rows(batch, (4, 4, 4))
    with pytest.raises(ValueError, match="not a mean over examples"):
        lsgeo.hessian(loss, jnp.zeros_like(params), batches=parts)
    op = lsgeo.hessian(loss, jnp.zeros_like(params), batches=parts, count=count)
    close(op, dense(loss, jnp.zeros_like(params), batch))


@pytest.mark.parametrize("sizes", [(1, 6), (6, 1), (1,) * 7, (3, 4)])
def test_a_sum_is_refused_also_where_the_first_batch_has_one_example(sizes):
    _, _, _, params, batch = problems.net()

    def loss(w, b):
        return jnp.sum(problems.predict(w, b) ** 2)

    with pytest.raises(ValueError, match="a sum in place of a mean"):
        lsgeo.hessian(loss, params, batches=problems.rows(batch, sizes))


def test_rounding_in_low_precision_is_no_other_mean():
    rng = np.random.default_rng(5)
    params = [jnp.asarray(rng.standard_normal((32, 32)) / 5, jnp.float32) for _ in range(4)]
    batch = {"x": rng.standard_normal((60, 32)).astype(np.float32)}

    def loss(ws, b):
        # Rounds to bfloat16 at places that depend on the number of examples.
        h = b["x"].astype(jnp.bfloat16)
        for w in ws:
            h = jnp.tanh(h @ w.astype(jnp.bfloat16))
        h = h.astype(jnp.float32) * (1 + 3e-3 * jnp.cos(jnp.float32(len(b["x"]))))
        return jnp.mean(h**2)

    data = streaming.Batches.of(problems.rows(batch, (20, 20, 20)))
    means.check_mean(jax.tree_util.Partial(loss), params, data.telling)


def test_class_weights_that_nobody_counts_are_refused():
    predict, criterion, loss, params, batch = class_weighted()
    parts = problems.rows(batch, (7, 7))
    for make in (
        lambda: lsgeo.hessian(loss, params, batches=parts),
        lambda: lsgeo.gauss_newton(predict, criterion, params, batches=parts),
        lambda: lsgeo.gradient_covariance(loss, params, batches=parts),
    ):
        with pytest.raises(
            ValueError, match="`(loss|criterion)` is not a mean over examples.*`count="
        ):
            make()


def test_batches_of_several_lengths_are_compared_each_with_its_like():
    _, _, loss, params, batch = tokens()
    long, short = problems.rows(batch, (6, 6))
    parts = [long, {k: v[:, :3] for k, v in short.items()}]
    whole = {**batch, "mask": batch["mask"] * np.r_[np.ones(6), np.zeros(6)][:, None]}
    whole["mask"][6:, :3] = batch["mask"][6:, :3]
    op = lsgeo.hessian(loss, params, batches=parts, count=count)
    close(op, dense(loss, params, whole))
    with pytest.raises(ValueError, match="not a mean over examples"):
        lsgeo.hessian(loss, params, batches=parts)


def test_a_loss_that_takes_examples_in_fours_may_be_streamed_in_multiples_of_four():
    rng = np.random.default_rng(2)
    params, batch = jnp.asarray(rng.standard_normal(3)), {"x": rng.standard_normal((24, 3))}

    def loss(w, b):
        return jnp.mean(jnp.var((b["x"] @ w).reshape(-1, 4), axis=1))

    for sizes in ((8, 8, 8), (16, 8), (4,) * 6):
        op = lsgeo.hessian(loss, params, batches=problems.rows(batch, sizes))
        close(op, dense(loss, params, batch))

    def summed(w, b):
        return 0.25 * len(b["x"]) * loss(w, b)

    with pytest.raises(ValueError, match="not a mean over examples"):
        lsgeo.hessian(summed, params, batches=problems.rows(batch, (8, 16)))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (3, "`count` must be a function of a batch.*got 3"),
        (lambda b: b["mask"], "`count` must give one finite number"),
        (lambda b: -1.0, "`count` must give one finite number.*got -1.0"),
        (lambda b: np.nan, "`count` must give one finite number.*got nan"),
        (lambda b: "five", "`count` must give one finite number.*got five"),
        (lambda b: b["nothing"], "`count` cannot be computed.*nothing"),
        (lambda b: 0, "`count` is zero for every batch"),
        (lambda b: 1, "`count` must add up"),
        (lambda b: b["mask"].mean(), "`count` must add up"),
        (lambda b: len(b["mask"]), "`loss` is not a mean over what `count` counts"),
        (lambda b: (b["mask"] ** 2).sum() + b["y"].sum(), "not a mean over what `count` counts"),
    ],
)
def test_a_count_that_cannot_be_is_named(bad, message):
    _, _, loss, params, batch = tokens()
    with pytest.raises(ValueError, match=message):
        lsgeo.hessian(loss, params, batches=problems.rows(batch, (4, 8)), count=bad)


def test_a_count_may_be_traced_by_jax_or_host_code():
    _, _, loss, params, batch = tokens()
    on_device = jax.tree.map(jnp.asarray, batch)
    expected = dense(loss, params, batch)
    for data in (batch, on_device):
        for tally in (jax.jit(lambda b: jnp.sum(b["mask"])), lambda b: int(np.sum(b["mask"]))):
            for sizes in ((4, 8), (2, 7, 3)):
                parts = problems.rows(data, sizes)
                close(lsgeo.hessian(loss, params, batches=parts, count=tally), expected)


def test_weights_on_what_counts_nothing_are_named():
    _, _, loss, params, batch = tokens(masked=(0,))
    with pytest.raises(ValueError, match="`count` is zero for all examples that have a weight"):
        lsgeo.hessian(loss, params, batch, weights=np.eye(12)[0], count=count)


def test_the_comparison_costs_few_examples_and_no_batch_twice():
    seen = []
    _, _, loss, params, batch = tokens(short=12)

    def watched(w, b):
        jax.debug.callback(lambda x: seen.append(len(x)), b["x"])
        return loss(w, b)

    data = streaming.Batches.of(problems.rows(batch, (4, 4, 4)))
    means.check_mean(jax.tree_util.Partial(watched), params, data.telling)
    jax.effects_barrier()
    assert set(seen) == {1, 4} and sum(seen) <= 80  # twice five unions, and their twenty


def test_the_page_on_operators_shows_how_to_count():
    with jax.numpy_dtype_promotion("standard"):
        result = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 8 and not result.failed


@pytest.mark.parametrize("shape", [(0,), (0, 3)])
def test_an_empty_batch_is_named(shape):
    empty = {"x": jnp.zeros((0, 3)), "y": jnp.zeros(shape)}

    def loss(w, b):
        return jnp.mean((b["x"] @ w) ** 2)

    for make in (
        lambda: lsgeo.hessian(loss, jnp.ones(3), empty),
        lambda: lsgeo.operators.value_gradient_hessian(loss, jnp.ones(3), empty),
        lambda: lsgeo.split_hessian(
            lambda w, b: b["x"] @ w, lambda o, b: jnp.mean(o), jnp.ones(3), empty
        ),
        lambda: lsgeo.ntk(lambda w, b: b["x"] @ w, jnp.ones(3), empty),
    ):
        with pytest.raises(ValueError, match="`batch` is empty.*at least one example"):
            make()
    with pytest.raises(ValueError, match="`batches`, must have the examples, at least one"):
        lsgeo.hessian(loss, jnp.ones(3), batches=[empty])
