"""Initial kernels against their published variances and identities, networks against mean-field laws."""

import functools

import jax
import numpy as np
import pytest

from lsgeo.models import CrossEntropy, activations, create, init
from lsgeo.models.initializers import kernel

KEY = jax.random.key(0)
CONV = (3, 3, 16, 32)


def drawn(name, shape=CONV, role="branch", num_blocks=16, branch_layers=2):
    make = kernel(name, role, num_blocks=num_blocks, branch_layers=branch_layers)
    return np.asarray(make(KEY, shape, np.float32), np.float64)


@pytest.mark.parametrize(
    ("name", "shape", "variance"),
    [
        ("he", CONV, 2 / 144),
        ("he", (64, 72), 2 / 64),
        ("xavier", CONV, 2 / (144 + 288)),
        ("xavier", (64, 72), 2 / (64 + 72)),
    ],
)
def test_normal_kernels_have_the_published_variance_and_are_not_truncated(name, shape, variance):
    w = drawn(name, shape).ravel() / np.sqrt(variance)
    # 4608 draws: four standard errors of mean, variance and fourth moment (errors 1, sqrt(2), sqrt(96)
    # over sqrt(n)); fails for one key in 5000. Truncated at two deviations the fourth moment is 1.9.
    for power, moment, error in ((1, 0, 1), (2, 1, 2**0.5), (4, 3, 96**0.5)):
        assert abs((w**power).mean() - moment) < 4 * error / np.sqrt(w.size), power


@pytest.mark.parametrize(
    ("layers", "num_blocks", "factor"), [(2, 16, 1 / 4), (3, 81, 1 / 3), (4, 64, 1 / 2)]
)
def test_fixup_scales_he_by_the_root_of_depth_over_two_m_minus_two(layers, num_blocks, factor):
    w = drawn("fixup", num_blocks=num_blocks, branch_layers=layers)
    np.testing.assert_allclose(w, factor * drawn("he"), rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "role", "same_as"),
    [
        ("fixup", "last", None),
        ("fixup", "head", None),
        ("fixup", "stem", "he"),
        ("fixup", "shortcut", "he"),
        ("zero_branch", "last", None),
        ("zero_branch", "branch", "he"),
        ("zero_branch", "head", "he"),
        ("identity", "stem", "he"),
        ("identity", "head", "he"),
        ("identity", "shortcut", "he"),
    ],
)
def test_special_initialisers_touch_the_roles_they_are_for(name, role, same_as):
    expected = drawn(same_as) if same_as else np.zeros(CONV)
    np.testing.assert_array_equal(drawn(name, role=role), expected)


@pytest.mark.parametrize(
    ("name", "shape"), [("orthogonal", (5, 3)), ("orthogonal", (2, 2, 3, 5)), ("delta", (5, 5))]
)
def test_orthogonal_kernels_have_orthogonal_columns_of_squared_length_two(name, shape):
    w = drawn(name, shape).reshape(-1, shape[-1])
    np.testing.assert_allclose(w.T @ w, 2 * np.eye(shape[-1]), atol=1e-5)


def test_orthogonal_kernels_with_more_outputs_than_inputs_have_orthogonal_rows():
    w = drawn("orthogonal", (3, 5))
    np.testing.assert_allclose(w @ w.T, 2 * np.eye(3), atol=1e-5)


def test_delta_kernels_are_orthogonal_at_the_centre_and_zero_elsewhere():
    w = drawn("delta", (3, 3, 4, 6))
    np.testing.assert_allclose(w[1, 1] @ w[1, 1].T, 2 * np.eye(4), atol=1e-5)
    w[1, 1] = 0
    assert not w.any()


def test_identity_kernels_are_the_identity_at_the_centre_plus_scaled_he():
    rest = drawn("identity", (3, 3, 6, 6)) - drawn("he", (3, 3, 6, 6)) / 4
    np.testing.assert_allclose(rest[1, 1], np.eye(6), atol=1e-6)
    rest[1, 1] = 0
    np.testing.assert_allclose(rest, 0, atol=1e-7)


def images(*shape):
    return np.random.default_rng(0).normal(size=shape)


def forward(data, train=False, **options):
    model = create("mlp", **options)
    variables = init(model, data, key=KEY)
    return activations(model, variables, data, train=train)


def test_plain_linear_network_with_identity_init_is_the_scaled_residual_one():
    options = {"depth": 4, "width": 8, "activation": "linear"}
    plain = forward(images(3, 8), skip="none", initializer="identity", **options)
    residual = forward(images(3, 8), skip="scaled", initializer="he", **options)
    for name in ("block_3/stream", "logits"):
        # Kernels in float32: I + W rounds W.
        np.testing.assert_allclose(plain[name], residual[name], rtol=1e-5, atol=1e-5)


@functools.cache
def gradients(initializer):
    model = create("mlp", depth=2, width=4, block="two_layer", initializer=initializer)
    data = {"image": images(6, 4), "label": np.arange(6)}
    variables = init(model, data["image"], key=KEY)
    gradient = jax.jit(jax.grad(CrossEntropy(model, {})))(variables["params"], data)
    return activations(model, variables, data["image"]), gradient


def leaves(tree, moved):
    paths = jax.tree_util.tree_leaves_with_path(tree)
    names = {"/".join(str(k.key) for k in path): np.abs(leaf).max() for path, leaf in paths}
    return {name for name, size in names.items() if (size > 0) == moved}


@pytest.mark.parametrize("initializer", ["zero_branch", "fixup"])
def test_networks_with_zero_branches_are_the_identity_exactly(initializer):
    found, _ = gradients(initializer)
    assert not found["block_0/branch"].any()
    np.testing.assert_array_equal(found["block_1/stream"], found["block_0/stream"])


def test_a_zero_last_layer_has_a_gradient_and_the_one_before_it_exactly_none():
    _, gradient = gradients("zero_branch")
    still = {f"block_{i}/dense_0/{leaf}" for i in (0, 1) for leaf in ("kernel", "bias")}
    assert leaves(gradient, moved=False) == still
    assert {"block_0/dense_1/kernel", "stem/kernel", "head/kernel"} <= leaves(gradient, moved=True)


def test_under_fixup_the_head_alone_has_a_gradient():
    found, gradient = gradients("fixup")
    assert not found["logits"].any()
    assert leaves(gradient, moved=True) == {"head/kernel", "head/bias"}


@pytest.mark.parametrize(
    ("skip", "gain", "tolerance"),
    [("none", 1, 0.1), ("identity", 2, 0.05), ("scaled", 1 + 1 / 8, 0.1 / 9)],
)
def test_second_moment_of_the_stream_grows_by_one_plus_the_squared_branch_scale(
    skip, gain, tolerance
):
    found = forward(images(96, 96), depth=8, width=256, skip=skip, norm="none")
    moments = [np.square(found[f"block_{i}/stream"]).mean() for i in range(8)]
    # For one input a He layer's gain has the deviation sqrt(5 / width), the mean of seven 5 per cent;
    # the tolerance is twice that, times the branch's share of the moment.
    np.testing.assert_allclose((moments[-1] / moments[0]) ** (1 / 7), gain, rtol=tolerance)


def test_variance_of_a_pre_norm_stream_grows_by_one_minus_one_over_pi_per_block():
    found = forward(images(256, 96), train=True, depth=16, width=256, norm="batch")
    variances = [found[f"block_{i}/stream"].var(0).mean() for i in range(16)]
    # Var(W relu(z)) = 2 Var(relu(z)) = 1 - 1 / pi for z ~ N(0, 1), W from N(0, 2 / width).
    np.testing.assert_allclose((variances[-1] - variances[0]) / 15, 1 - 1 / np.pi, rtol=0.05)


@pytest.mark.parametrize(("skip", "share"), [("none", 1), ("identity", 1 / 2)])
def test_correlation_of_two_inputs_follows_the_arc_cosine_map(skip, share):
    # 48 pairs with correlation 0.2 in 96 dimensions.
    basis = np.linalg.qr(images(96, 96))[0]
    first, second = basis[:48], 0.2 * basis[:48] + np.sqrt(1 - 0.04) * basis[48:]
    data = np.sqrt(96) * np.concatenate([first, second])
    found = forward(data, depth=8, width=1024, skip=skip, norm="none")
    c = []
    for i in range(8):
        a, b = np.split(np.asarray(found[f"block_{i}/stream"]), 2)
        sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        c.append(((a * b).sum(1) / sizes).mean())
    c = np.array(c)
    kappa = (np.sqrt(1 - c**2) + c * (np.pi - np.arccos(c))) / np.pi
    expected = ((1 - share) * c + share * kappa)[:-1]
    # The deviation of one layer's 1 - c is at most 2 / sqrt(width) of it, that of the mean of seven 2.4
    # per cent. The map of the other network would be 12 per cent away.
    np.testing.assert_allclose(np.log((1 - c[1:]) / (1 - expected)).mean(), 0, atol=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "batch", "block": "two_layer"}, "'fixup' is for networks without.*'batch'"),
        ({"block": "one_layer"}, "needs branches of m >= 2 layers; this block has 1"),
    ],
)
def test_fixup_is_refused_where_it_has_no_meaning(options, message):
    with pytest.raises(ValueError, match=message):
        create("mlp", initializer="fixup", **options)


@pytest.mark.parametrize(
    ("family", "options", "text"),
    [
        ("mlp", {"skip": "none"}, "'none' there are blocks without a shortcut"),
        ("mlp", {"skip": "identity(every=2)"}, "'identity' there are blocks without a shortcut"),
        ("mlp", {"skip": "rezero"}, "so does the skip 'rezero'"),
        ("vit", {"mlp_skip": "skipinit"}, "so does the skip 'skipinit'"),
        ("resnet", {"skip": "none"}, "'none' there are blocks without a shortcut"),
    ],
)
def test_branches_of_zeros_are_refused_where_no_gradient_would_reach_them(family, options, text):
    with pytest.raises(ValueError, match=f"`initializer` 'zero_branch' makes every branch.*{text}"):
        create(family, initializer="zero_branch", **options)
    assert create(family, initializer="zero_branch", skip="skipinit(inverse_root=True)")
