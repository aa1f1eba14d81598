"""Planted truths of real networks: what is known of their Hessians is what the verdicts say."""

import jax
import jax.numpy as jnp
import numpy as np

import lsgeo
from lsgeo.study import Claim, Design, Hypothesis, Smallest, decide
from lsgeo.study.contrasts.paired import Difference, LogRatio

SEEDS = range(8)
WIDTH, DEPTH, NUM = 3, 3, 12


def hypotheses(*contrasts):
    bar = Smallest(0.1, "planted")
    return tuple(Hypothesis(f"T{i}", "", c, "", "", threshold=bar) for i, c in enumerate(contrasts))


def decisions(networks, tested):
    """{hypothesis' column: (verdict, primary finding)} for networks {(arm, seed): columns}."""
    place = {"family": "MLP", "norm": "none", "depth": DEPTH, "reading": "matched"}
    rows = [{**place, "arm": arm, "seed": seed, **c} for (arm, seed), c in networks.items()]
    columns = frozenset(column for h in tested for column in h.contrast.columns)
    design = Design("MLP", "mlp", "none", (DEPTH,), ("plain", "residual"), columns)
    verdicts = decide([Claim("T", "", "", tested, "", "")], rows, [design])
    return {v.hypothesis.contrast.columns[0]: (v.decision, v.primary.decision) for v in verdicts}


def curvature(matrix):
    return {
        "lambda_max": float(np.linalg.eigvalsh(matrix)[-1]),
        "trace": float(np.trace(matrix)),
    }


def data(seed):
    rng = np.random.default_rng(seed)
    image, target = rng.normal(size=(2, NUM, WIDTH))
    return {"image": jnp.asarray(image), "target": jnp.asarray(target)}


def plain(params, batch):
    h = batch["image"]
    for w in params:
        h = h @ w
    return 0.5 * jnp.mean(jnp.sum((h - batch["target"]) ** 2, axis=1))


def residual(params, batch):
    h = batch["image"]
    for w in params:
        h = h + h @ w
    return 0.5 * jnp.mean(jnp.sum((h - batch["target"]) ** 2, axis=1))


def relu(params, batch):
    h = jax.nn.relu(batch["image"] @ params[0]) @ params[1]
    return 0.5 * jnp.mean(jnp.sum((h - batch["target"]) ** 2, axis=1))


def dense(loss, params, batch):
    return np.asarray(lsgeo.hessian(loss, params, batch).to_dense())


def weights(seed, layers=DEPTH):
    keys = jax.random.split(jax.random.key(seed), layers)
    return [0.5 * jax.random.normal(key, (WIDTH, WIDTH)) for key in keys]


def test_a_skip_in_a_linear_network_moves_the_start_and_not_the_landscape():
    # H_residual(A) = H_plain(I + A), exactly.
    at_same_point, at_same_weights = {}, {}
    for seed in SEEDS:
        a, batch = weights(seed), data(seed)
        moved = [jnp.eye(WIDTH) + w for w in a]
        skip = curvature(dense(residual, a, batch))
        same = curvature(dense(plain, moved, batch))
        start = curvature(dense(plain, a, batch))
        at_same_point |= {("plain", seed): same, ("residual", seed): skip}
        at_same_weights |= {("plain", seed): start, ("residual", seed): skip}
    tested = hypotheses(LogRatio("lambda_max"), LogRatio("trace"))
    # Equal by construction: no number of seeds could show anything.
    expected = ("no room", "no room")
    assert decisions(at_same_point, tested) == {"lambda_max": expected, "trace": expected}
    # Where it starts is another matter: the skip's start is the sharper one.
    found = decisions(at_same_weights, tested)
    assert found["trace"] == ("contradicted", "contradicted")


def test_sharpness_by_rescaling_is_an_artefact_that_an_invariant_shows():
    # (a W, V / a) is the same function of a ReLU network: the second block of H is a^2 times as large.
    networks, scale = {}, 4.0
    for seed in SEEDS:
        batch, params = data(seed), weights(seed, 2)
        for arm, a in (("plain", scale), ("residual", 1.0)):
            point = [a * params[0], params[1] / a]
            matrix = dense(relu, point, batch)
            flat = np.concatenate([np.asarray(w).ravel() for w in point])
            size = WIDTH * WIDTH
            networks[arm, seed] = {
                **curvature(matrix),
                "second_block": float(np.trace(matrix[size:, size:])),
                # Fisher-Rao: ReLU blocks are Gauss-Newton's, and w' G w does not see the scale.
                "relative": float(
                    sum(w @ matrix[i : i + size, i : i + size] @ w
                        for i, w in ((0, flat[:size]), (size, flat[size:])))
                ),
                "loss": float(relu(point, batch)),
            }  # fmt: skip
        ratio = networks["plain", seed]["second_block"] / networks["residual", seed]["second_block"]
        np.testing.assert_allclose(ratio, scale**2, rtol=1e-4)
    tested = hypotheses(*map(LogRatio, ("lambda_max", "second_block", "relative", "loss")))
    found = decisions(networks, tested)
    assert found["lambda_max"] == found["second_block"] == ("supported", "supported")
    assert found["relative"] == found["loss"] == ("no room", "no room")


def test_nothing_generalises_from_random_labels():
    # Least squares with and without a skip, W and I + W, fit the same labels; neither knows the next ones.
    networks, num_test = {}, 20_000
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        image, test = rng.normal(size=(NUM, WIDTH)), rng.normal(size=(num_test, WIDTH))
        labels, unseen = rng.integers(2, size=NUM), rng.integers(2, size=num_test)
        wanted = np.eye(2)[labels] - 0.5
        for arm, shift in (("plain", 0.0), ("residual", 1.0)):
            skip = shift * np.eye(WIDTH)[:, :2]
            w = np.linalg.solve(image.T @ image + np.eye(WIDTH), image.T @ (wanted - image @ skip))
            guessed = np.argmax(test @ (skip + w), axis=1)
            networks[arm, seed] = {"test_error": float(np.mean(guessed != unseen))}
    found = decisions(networks, hypotheses(Difference("test_error")))
    assert found["test_error"] == ("contradicted", "no difference")
    assert all(abs(c["test_error"] - 0.5) < 0.02 for c in networks.values())
