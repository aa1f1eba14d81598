"""Effective depth, forward and backward, against laws of residual chains and sums over all paths."""

import itertools

import numpy as np
import pytest

from lsgeo.geometry import path_length_law
from lsgeo.signals import backward_lesions, effective_depth


def gaussian(rng, depth, width, gain):
    return rng.normal(size=(depth, width, width)) * np.sqrt(gain / width)


def gradient_of(weights, top):
    # x_{l+1} = x_l + x_l W_l, so that the gradient is top (I + W_L)' ... (I + W_1)'.
    def gradient(passed):
        g = top
        for w, factor in zip(weights[::-1], passed[::-1], strict=True):
            g = g + factor * g @ w.T
        return g

    return gradient


@pytest.mark.parametrize("gain", [0.1, 1.0])
def test_a_gaussian_linear_chain_has_the_binomial_mean_forward_and_backward(gain):
    rng = np.random.default_rng(0)
    depth, width = 10, 200
    weights = gaussian(rng, depth, width, gain)
    law = depth * gain / (1 + gain)
    assert path_length_law([gain] * depth) @ np.arange(depth + 1) == pytest.approx(law)
    x, streams, branches = rng.normal(size=(20, width)), [], []
    for w in weights:
        streams.append(x)
        branches.append(x @ w)
        x = x + x @ w
    forward = effective_depth(streams, branches)
    assert forward.value == pytest.approx(law, rel=0.03) and forward.standard_error < 0.02 * law
    backward = backward_lesions(gradient_of(weights, rng.normal(size=(20, width))), depth)
    assert backward.effective_depth == pytest.approx(law, rel=0.05)
    assert backward.depth_error < 0.03 * law
    np.testing.assert_allclose(backward.norms, (1 + gain) ** -0.5, rtol=0.07)
    np.testing.assert_allclose(backward.cosines, (1 + gain) ** -0.5, rtol=0.07)


def test_normalised_branches_have_about_the_logarithm_of_the_depth():
    rng = np.random.default_rng(1)
    depth, width = 32, 400
    x, streams, branches = rng.normal(size=(20, width)), [], []
    for w in gaussian(rng, depth, width, 1.0):
        streams.append(x)
        branches.append(x / x.std(1, keepdims=True) @ w)
        x = x + branches[-1]
    found = effective_depth(streams, branches)
    assert found.value == pytest.approx(sum(1 / (np.arange(depth) + 2)), abs=0.05)
    assert found.value == pytest.approx(np.log(depth) + np.euler_gamma - 1, rel=0.05)
    np.testing.assert_allclose(found.shares.mean(0)[[0, 1, 7]], [1 / 2, 1 / 3, 1 / 9], rtol=0.05)


def test_cut_gradients_are_products_without_one_block_and_add_up_over_all_paths():
    rng = np.random.default_rng(2)
    depth, width = 4, 5
    weights, top = gaussian(rng, depth, width, 1.0), rng.normal(size=(depth, width))
    found = backward_lesions(gradient_of(weights, top), depth)
    parts = np.zeros((depth + 1, *top.shape))
    for path in itertools.product((0, 1), repeat=depth):
        g = top
        for w, taken in zip(weights[::-1], path[::-1], strict=True):
            g = g @ w.T if taken else g
        parts[sum(path)] += g
    whole = parts.sum(0)
    lengths = np.einsum("k,knp,np->n", np.arange(depth + 1), parts, whole)
    energies = (whole**2).sum(1)
    assert found.effective_depth == pytest.approx(lengths.sum() / energies.sum())
    without = [np.delete(lengths, i).sum() / np.delete(energies, i).sum() for i in range(depth)]
    assert found.depth_error == pytest.approx(np.sqrt(depth - 1) * np.std(without))
    for cut in range(depth):
        product = top
        for w in np.delete(weights, cut, 0)[::-1]:
            product = product @ (np.eye(width) + w).T
        norms = np.linalg.norm(product), np.linalg.norm(whole)
        assert found.norms[cut] == pytest.approx(norms[0] / norms[1])
        assert found.cosines[cut] == pytest.approx((product * whole).sum() / norms[0] / norms[1])
    assert found.num_gradients == depth + 1


def test_without_skips_nothing_is_left_of_the_gradient():
    found = backward_lesions(lambda passed: np.prod(passed) * np.ones((3, 2)), 5)
    assert found.norms.tolist() == [0.0] * 5 and found.effective_depth == 5.0
    assert np.isnan(found.cosines).all() and found.depth_error == 0.0


def test_bad_input_is_refused_by_name():
    with pytest.raises(ValueError, match="`num_branches` must be at least 1"):
        backward_lesions(lambda passed: np.ones((1, 1)), 0)
    with pytest.raises(
        ValueError, match="`gradient` of the whole network has the squared norm nan"
    ):
        backward_lesions(lambda passed: np.full((1, 1), np.nan), 1)
    with pytest.raises(ValueError, match="`streams` and `branches` must be lists"):
        effective_depth([np.ones((2, 3))], [np.ones((2, 4))])
