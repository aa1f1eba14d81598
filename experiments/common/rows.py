"""A grid that is measured row by row, on disk from the first row on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lsgeo import runs


class Rows:
    """The rows of one file, which it calls `entry`, beside `facts`; it is written whole with every new one.

    A `single` row is stored without an axis for rows. `Run.stage` says what a fingerprint is.
    """

    def __init__(
        self,
        opened: runs.Run,
        name: str,
        fingerprint: str,
        facts: Mapping[str, Any],
        *,
        entry: str = "values",
        single: bool = False,
    ):
        self._run, self._name, self._entry = opened, name, entry
        mark = {runs.FINGERPRINT: fingerprint} if fingerprint else {}
        self._facts, self._single = {**facts, **mark}, single
        self._rows = []
        if opened.has(name):
            stored = opened.load_of(name, fingerprint)[entry]
            self._rows = [stored] if single else list(stored)

    @property
    def finished(self) -> dict[int, np.ndarray]:
        """Rows that are there, by their number."""
        return dict(enumerate(self._rows))

    def add(self, row: int, values: np.ndarray) -> None:
        """Stores a row; they come in order."""
        del row
        self._rows.append(values)
        rows = values if self._single else np.stack(self._rows)
        self._run.save(self._name, {**self._facts, self._entry: rows})
