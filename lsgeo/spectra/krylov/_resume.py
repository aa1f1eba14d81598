"""The state of a long density run on disk, so that it goes on after a kill."""

import os
import pathlib
import zipfile
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsgeo.operators.base import LinearOperator
from lsgeo.spectra.krylov import basis as bases
from lsgeo.spectra.krylov import lanczos


class StateFile:
    """One .npz with the finished probes, the one under way and a fingerprint of the run.

    The fingerprint is the size, type, steps, key and place of the basis, and the operator's product with a
    fixed vector.
    """

    def __init__(
        self, path: str | os.PathLike, op: LinearOperator, key: jax.Array, steps: int, place: str
    ):
        self.path = pathlib.Path(path)
        self.op, self.key, self.steps, self.place = op, key, steps, place
        probe = lanczos.random_unit(jax.random.key(0), op.shape[0], op.dtype)
        self.product = np.asarray(op.flat_product(probe))
        self.run = {
            "size": np.array(op.shape[0]),
            "dtype": np.array(str(op.dtype)),
            "num_steps": np.array(steps),
            "key": np.asarray(jax.random.key_data(key)),
            "key_kind": np.array(str(jax.random.key_impl(key))),
            "basis": np.array("none" if place == "none" else "stored"),
        }

    def load(self) -> tuple[list[lanczos.Tridiagonal], lanczos.State | None]:
        """Returns the finished probes and the state of the next one.

        Raises:
          ValueError: if the file is damaged, or the run was another one.
        """
        if not self.path.exists():
            return [], None
        try:
            with open(self.path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
                saved = {name: file[name] for name in file.files}
            self._check(saved)
            return self._unpack(saved)
        except (OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise self._damaged() from error
        except ValueError as error:
            if "`state_file`" in str(error):
                raise
            raise self._damaged() from error

    def save(self, rules: list[lanczos.Tridiagonal], state: lanczos.State) -> None:
        """Writes the file, whole or not at all."""
        contents: dict[str, Any] = {**self.run, "product": self.product}
        for i, rule in enumerate(rules):
            contents[f"rule{i}"] = np.stack(rule)
        contents["coefficients"] = np.array([state.alphas, state.betas])
        contents["current"], contents["previous"] = map(np.asarray, (state.current, state.previous))
        contents["count"] = np.array(state.vectors.count)
        for i, block in enumerate(state.vectors.blocks):
            contents[f"block{i}"] = np.asarray(block)
        partial = self.path.with_name(self.path.name + ".partial")
        with open(partial, "wb") as file:
            np.savez(file, **contents)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.path)

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)

    def _check(self, saved):
        for name, value in self.run.items():
            if not np.array_equal(saved[name], value):
                raise ValueError(
                    f"`state_file` {self.path} belongs to another run: its {name} is {saved[name]}, "
                    f"here it is {value}. Give this run a file of its own, or delete that one."
                )
        change = np.linalg.norm(saved["product"] - self.product)
        if not change <= 100 * float(self.op.noise) * np.linalg.norm(self.product):
            raise ValueError(
                f"`state_file` {self.path} belongs to another operator: its product with a fixed vector "
                f"differs by {change:.1e}. Give this run a file of its own, or delete that one."
            )

    def _unpack(self, saved):
        rules = []
        while (name := f"rule{len(rules)}") in saved:
            rules.append(lanczos.Tridiagonal(*saved[name]))
        vectors = bases.make(self.place, self.op.shape[0], self.op.dtype)
        blocks = []
        while (name := f"block{len(blocks)}") in saved:
            blocks.append(saved[name])
        vectors.restore(blocks, int(saved["count"]))
        current, previous = jnp.asarray(saved["current"]), jnp.asarray(saved["previous"])
        key = jax.random.fold_in(self.key, len(rules))
        alphas, betas = saved["coefficients"].tolist()
        return rules, lanczos.State(key, vectors, current, previous, alphas, betas)

    def _damaged(self):
        return ValueError(
            f"`state_file` {self.path} is damaged or not a state of a density. Delete it to start anew."
        )
