"""One network's full-batch training for `experiments.dynamics`: looked at, kept, and taken up again."""

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.figures import save_figure
from experiments.dynamics._subjects import Subject
from lsgeo import geometry, plotting, runs
from lsgeo.geometry.dynamics import edge
from lsgeo.geometry.dynamics.flow_distance import compare
from lsgeo.results import entries

RUNNING = "running"


@dataclasses.dataclass
class Point:
    """What one record hands to the next."""

    state: geometry.DescentState | None = None
    flow: Any = None  # FlowState, or parameters where it has not begun
    vectors: Any = None
    sharp: Any = None  # eigenvector of Adam's preconditioned Hessian


def follow(
    opened: runs.Run, name: str, subject: Subject, progress: Callable[[int, str], None]
) -> None:
    """Trains, and writes everything seen so far to arrays/NAME.npz at each record."""
    point, seen = Point(flow=subject.params), {}
    if opened.has(name):
        seen = opened.load(name)
        if seen["status"] != RUNNING:
            return
        point = _restored(subject, seen)
    config, before = subject.config, float(seen.get("seconds", 0.0))
    started = time.monotonic()
    states = geometry.descend(
        subject.loss,
        subject.params,
        subject.batch,
        optimizer=subject.optimizer,
        learning_rate=subject.learning_rate,
        **entries(config, ("num_steps", "every")),
        start=point.state,
    )
    for state in states:
        point, row = _look(subject, state, point)
        seen = _appended(seen, row, state.losses)
        seconds = before + time.monotonic() - started
        seen |= {"status": RUNNING, "seconds": seconds, "diverged": state.diverged}
        opened.save(name, seen | _kept(point))
        progress(state.step, f"{subject.arm}, step {state.step}: loss {state.loss:.4g}")
    done = {key: value for key, value in seen.items() if not key.startswith("state_")}
    done |= entries(subject, ("arm", "learning_rate", "limit"))
    done["status"] = "diverged" if seen["diverged"] else "trained"
    done["top"] = min(subject.top, seen["values"].shape[1])
    opened.save(name, done | {"text": _text(done)})


def stable_rates(opened: runs.Run, config: Any, subjects: Mapping[str, Subject]) -> list[str]:
    """Finds each arm's largest stable learning rate at initialisation, into arrays/ARM_stable.npz."""
    if config.optimizer == "adam" or not config.stable_steps:
        return []
    arms: dict[str, Subject] = {}
    for name, subject in subjects.items():
        arms.setdefault(f"{name.rpartition('_')[0]}_stable", subject)
    for name, subject in arms.items():
        opened.stage(name, "", functools.partial(_stable_rate, subject))
    return list(arms)


def draw(opened: runs.Run, rate: float, names: Sequence[str]) -> None:
    """Draws figures/dynamics_RATE.svg of some trainings."""
    stored = [opened.load(name) for name in names]
    figure, axes = plotting.new_figure(width=11.0, height=6.0, columns=3, rows=2)
    plotting.dynamics_panels({entry["arm"]: entry for entry in stored}, axes.ravel())
    save_figure(opened, f"dynamics_{rate:g}", figure)


def _stable_rate(subject):
    found = geometry.largest_stable_rate(
        subject.loss,
        subject.params,
        subject.batch,
        key=jax.random.key(subject.config.seed),
        optimizer=subject.optimizer,
        limit=subject.limit * subject.learning_rate,
        num_steps=subject.config.stable_steps,
    )
    return {**entries(found), "ratio": found.ratio, "arm": subject.arm, "text": str(found)}


def _look(subject, state, point):
    config, lost = subject.config, float("nan")
    key = jax.random.fold_in(jax.random.key(config.seed), state.step)
    point = dataclasses.replace(point, state=state)
    row = {"steps": state.step, "loss": state.loss, **_flow(subject, state, point)}
    if state.diverged:
        empty = np.full(config.bottom + subject.top, np.nan)
        row |= {"values": empty, "residuals": empty, "num_matvecs": 0}
        return point, row | dict.fromkeys(("gradient_norm", "share", "kept", "sharpness"), lost)
    common = {"key": key, "tol": config.tol}
    sizes = {"top": subject.top, "bottom": config.bottom, "before": point.vectors}
    found = geometry.top_subspace(subject.loss, state.params, subject.batch, **sizes, **common)
    products, decisive = found.pairs.num_matvecs, found.sharpness
    if edge.has_adam(state.opt_state):
        more = {"optimizer": subject.optimizer, "start": point.sharp}
        pairs = edge.sharpness(subject.loss, state, subject.batch, **more, **common)
        decisive = lost if pairs is None else float(pairs.values[-1])
        products += 0 if pairs is None else pairs.num_matvecs
        point.sharp = None if pairs is None else pairs.vectors
    point.vectors = found.pairs.vectors
    return point, row | {
        **entries(found.pairs, ("values", "residuals")),
        "num_matvecs": products,
        "gradient_norm": found.gradient_norm,
        "share": lost if found.share is None else found.share.value,
        "kept": lost if found.kept is None else found.kept.value,
        "sharpness": decisive,
    }


def _flow(subject, state, point):
    names = ("distance", "travelled", "flow_error", "flow_loss")
    if not subject.time_per_step or state.diverged:
        return dict.fromkeys(names, float("nan"))
    until, most = subject.time_per_step * state.step, subject.config.flow_gradients
    point.flow = geometry.follow_flow(
        subject.loss, point.flow, subject.batch, until=until, max_gradients=most
    )
    ends = state, point.flow, subject.params, subject.batch, until
    distance, travelled, error, _, loss = compare(subject.loss, *ends)
    return dict(zip(names, (distance, travelled, error, loss), strict=True))


def _appended(seen, row, losses):
    columns = {name: np.asarray(value)[None] for name, value in row.items()}
    if seen:
        columns = {name: np.concatenate([seen[name], value]) for name, value in columns.items()}
    return {**columns, "losses": np.concatenate([seen.get("losses", np.zeros(0)), losses])}


def _kept(point):
    flow = point.flow if isinstance(point.flow, geometry.FlowState) else None
    parts = {
        "params": point.state.params,
        "optimizer": point.state.opt_state,
        "vectors": point.vectors,
        "sharp": point.sharp,
        "flow": flow and flow.params,
        "coarse": flow and flow.coarse,
    }
    arrays = {
        f"state_{name}_{i}": leaf
        for name, tree in parts.items()
        for i, leaf in enumerate(jax.tree.leaves(tree))
    }
    if flow:
        arrays["state_clock"] = np.array([flow.time, flow.step_size, flow.num_gradients])
    return arrays


def _restored(subject, seen):
    def tree(name, like):
        leaves, structure = jax.tree.flatten(like)
        names = [f"state_{name}_{i}" for i in range(len(leaves))]
        if not seen.keys() >= set(names):
            return None
        return structure.unflatten([jnp.asarray(seen[one]) for one in names])

    like = subject.params
    opt_state = jax.eval_shape(lambda p: subject.optimizer(1.0).init(p), like)
    state = geometry.DescentState(
        int(seen["steps"][-1]),
        tree("params", like),
        tree("optimizer", opt_state),
        float(seen["loss"][-1]),
        np.zeros(0),
        bool(seen["diverged"]),
    )
    flow, coarse, vectors, sharp = (tree(n, like) for n in ("flow", "coarse", "vectors", "sharp"))
    if "state_clock" not in seen:
        return Point(state, like, vectors, sharp)
    at, step_size, gradients = seen["state_clock"].tolist()
    flow = geometry.FlowState(at, flow, coarse, step_size, int(gradients))
    return Point(state, flow, vectors, sharp)


def _text(stored):
    ratio = stored["sharpness"] / stored["limit"]
    step = stored["steps"][-1]
    if stored["status"] == "diverged":
        return f"diverged by step {step} at learning rate {stored['learning_rate']:g}"
    text = (
        f"learning rate {stored['learning_rate']:g}: loss {stored['loss'][-1]:.4g} after {step} steps, "
        f"sharpness / limit {ratio[-1]:.3f} (at most {np.nanmax(ratio):.3f}), gradient's share in the top "
        f"eigenvectors {stored['share'][-1]:.3f}"
    )
    way = stored["distance"] / np.where(stored["travelled"] > 0, stored["travelled"], np.nan)
    seen = np.flatnonzero(np.isfinite(way))
    if seen.size:
        last = seen[-1]
        error = stored["flow_error"][last] / stored["travelled"][last]
        text += (
            f", distance from the gradient flow {way[last]:.3g} ± {error:.1g} of its way at step "
            f"{stored['steps'][last]}"
        )
    return f"{text} ({np.sum(stored['num_matvecs'])} products, {stored['seconds']:.0f} s)"
