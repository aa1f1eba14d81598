"""TensorBoard event files beside metrics.jsonl."""

import os
import pathlib
from collections.abc import Mapping


class Events:
    """Writes the numbers of each record as scalars into WORKDIR/events.

    TensorBoard drops what a killed run had logged at `first_step` and later, as `truncate_metrics` does
    in metrics.jsonl.
    """

    def __init__(self, workdir: str | os.PathLike, *, first_step: int):
        try:
            import tensorboardX
        except ImportError:
            raise ValueError(
                "`tensorboard` needs the package tensorboardX: pip install 'lsgeo[tensorboard]', or leave "
                "it off; metrics.jsonl holds the same numbers."
            ) from None
        folder = pathlib.Path(workdir) / "events"
        self._writer = tensorboardX.SummaryWriter(str(folder), purge_step=first_step)

    def log(self, record: Mapping[str, float]) -> None:
        """Writes every number of a record but its step, at that step."""
        for name, value in record.items():
            if name != "step":
                self._writer.add_scalar(name, value, record["step"])

    def close(self) -> None:
        """Flushes and closes the file."""
        self._writer.close()
