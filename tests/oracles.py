"""Problems whose curvature is known in closed form, prescribed spectra, and densities drawn on the host."""

import jax
import jax.numpy as jnp
import numpy as np

import lsgeo


def linear_regression(num=40, dim=6, outputs=3):
    """Mean of 0.5 ||xW - y||^2: H = (X'X / N) kron I_K, whatever W and Y."""
    rng = np.random.default_rng(1)
    batch = {
        "x": jnp.asarray(rng.standard_normal((num, dim))),
        "y": jnp.asarray(rng.standard_normal((num, outputs))),
    }
    params = {"w": jnp.asarray(rng.standard_normal((dim, outputs)))}

    def loss(params, batch):
        return 0.5 * jnp.sum((batch["x"] @ params["w"] - batch["y"]) ** 2, axis=1).mean()

    matrix = np.kron(np.asarray(batch["x"].T @ batch["x"]) / num, np.eye(outputs))
    return loss, params, batch, matrix


def softmax_regression(num=40, dim=6, classes=3, zero=False):
    """Mean cross-entropy of softmax(xW): H = mean_i x_i x_i' kron (diag p_i - p_i p_i')."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((num, dim))
    w = np.zeros((dim, classes)) if zero else rng.standard_normal((dim, classes))
    batch = {"x": jnp.asarray(x), "y": jnp.asarray(rng.integers(0, classes, num))}

    def predict(params, batch):
        return batch["x"] @ params["w"]

    def criterion(outputs, batch):
        chosen = jax.nn.one_hot(batch["y"], outputs.shape[1], dtype=outputs.dtype)
        return -jnp.mean(jnp.sum(chosen * jax.nn.log_softmax(outputs), axis=1))

    p = np.exp(x @ w) / np.exp(x @ w).sum(1, keepdims=True)
    blocks = [
        np.kron(np.outer(a, a), np.diag(b) - np.outer(b, b)) for a, b in zip(x, p, strict=True)
    ]
    return predict, criterion, {"w": jnp.asarray(w)}, batch, np.mean(blocks, axis=0)


def scalar_chain(length, w, y):
    """0.5 (prod w_i - y)^2 at w_i = w: one simple eigenvalue and one of multiplicity L - 1."""
    residual = w**length - y
    repeated = -residual * w ** (length - 2)
    simple = length * w ** (2 * (length - 1)) - (length - 1) * repeated

    def loss(params, batch):
        return 0.5 * jnp.mean((jnp.prod(params) * batch - y) ** 2)

    return loss, jnp.full(length, float(w)), jnp.ones(1), simple, repeated


def deep_linear(target, residual):
    """0.5 ||W_L ... W_1 - target||_F^2, each W replaced by I + W in the residual net."""

    def loss(params, batch):
        product = batch
        for w in params:
            product = (product + w @ product) if residual else w @ product
        return 0.5 * jnp.sum((product - target) ** 2)

    return loss


def prescribed(eigenvalues, seed=0):
    """A dense symmetric matrix with these eigenvalues and random eigenvectors."""
    values = np.asarray(eigenvalues, np.float64)
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.standard_normal((len(values), len(values))))
    matrix = (q * values) @ q.T
    return (matrix + matrix.T) / 2


def sampled(values, probes, seed, steps=None):
    """The density that exact arithmetic gives, from spherical probes drawn on the host."""
    values = np.sort(np.asarray(values, np.float64))
    squares = np.random.default_rng(seed).standard_normal((probes, len(values))) ** 2
    distinct, inverse = np.unique(values, return_inverse=True)
    masses = [np.bincount(inverse, row / row.sum()) for row in squares]
    steps = steps or len(distinct) + 1
    rules = [gauss(distinct, mass, steps) for mass in masses]
    nodes, weights = (np.stack(part) for part in zip(*rules, strict=True))
    return lsgeo.SpectralDensity(nodes, weights, len(values), 1e-13, probes * steps)


def gauss(points, masses, steps):
    """Gauss's rule of a discrete distribution, padded to `steps` nodes, by Lanczos on the host."""
    if steps > len(points):
        pad = (0, steps - len(points))
        return np.pad(points, pad, mode="edge"), np.pad(masses, pad)
    basis = [np.sqrt(masses)]
    for _ in range(steps - 1):
        w = points * basis[-1]
        for _ in range(2):
            w = w - np.array(basis).T @ (np.array(basis) @ w)
        basis.append(w / np.linalg.norm(w))
    q = np.array(basis)
    nodes, vectors = np.linalg.eigh((q * points) @ q.T)
    return nodes, vectors[0] ** 2


def covered(interval, truth):
    """Whether an Interval encloses the truth."""
    return interval.lower <= truth <= interval.upper
