"""Data larger than memory, read by `grain` in batches: the same ones in the same order on every pass."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from lsgeo.data.sources._files import missing
from lsgeo.data.statistics import Statistics
from lsgeo.oneline import one_line


@one_line
@dataclasses.dataclass(frozen=True)
class Stream:
    """Batches that can be iterated again and again; made by `stream`.

    Attributes:
      source: what has a length and gives one example per index.
      batch_size: examples per batch and process.
      seed: of the order; None keeps that of the source.
      epoch: chooses among the orders of one seed.
      process_index: which share this is.
      process_count: number of shares.
      drop_remainder: whether all batches are full and all processes have equally many.
      statistics: standardises the images; None leaves them 8-bit.
      num_threads: threads that read.
    """

    source: Any
    batch_size: int
    seed: int | None = None
    epoch: int = 0
    process_index: int = 0
    process_count: int = 1
    drop_remainder: bool = False
    statistics: Statistics | None = None
    num_threads: int = 16

    @property
    def num_examples(self) -> int:
        """Examples of one pass of this process."""
        share = self._share()
        return self.batch_size * len(self) if self.drop_remainder else share

    def _share(self):
        total = len(self.source)
        if self.drop_remainder:
            return total // self.process_count
        return len(range(self.process_index, total, self.process_count))

    def __len__(self) -> int:
        """Batches of one pass."""
        full, rest = divmod(self._share(), self.batch_size)
        return full + bool(rest and not self.drop_remainder)

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        """Reads the data anew, from the first batch on."""
        iterator = iter(self._pipeline())
        try:
            yield from iterator
        finally:
            iterator.close()  # Or its threads would read on after an early end.

    def for_epoch(self, epoch: int) -> "Stream":
        """The same stream in the order of another epoch."""
        return dataclasses.replace(self, epoch=epoch)

    def _pipeline(self):
        try:
            import grain
        except ImportError as error:
            raise missing("grain", "streaming") from error

        data = grain.MapDataset.source(self.source)
        if self.seed is not None:
            sequence = np.random.SeedSequence([self.seed, self.epoch])
            data = data.shuffle(seed=int(sequence.generate_state(1)[0]))
        stop = self._share() * self.process_count if self.drop_remainder else None
        data = data.slice(slice(self.process_index, stop, self.process_count))
        # Read ahead by examples, not by batches, of which 500 would not fit into memory.
        options = grain.ReadOptions(self.num_threads, max(self.num_threads, 2 * self.batch_size))
        batches = data.to_iter_dataset(options).batch(
            self.batch_size, drop_remainder=self.drop_remainder
        )
        return batches if self.statistics is None else batches.map(self._standardise)

    def _standardise(self, batch):
        return {**batch, "image": self.statistics.standardise(batch["image"])}


def stream(
    source: Any,
    *,
    batch_size: int,
    seed: int | None = None,
    process_index: int | None = None,
    process_count: int | None = None,
    drop_remainder: bool = False,
    statistics: Statistics | None = None,
    num_threads: int = 16,
) -> Stream:
    """Streams a source in batches, sharded by process.

    Every pass gives the same batches in the same order, whatever the number of threads, so that a stream
    can be the `batches=` of an operator. Process p of n reads the examples p, p + n, p + 2n, ... of the
    (shuffled) order: together the processes read each example once.

        images = ImageFolder("imagenet/train", resize=256, image_size=224)
        statistics = Statistics.of(batch["image"] for batch in stream(images, batch_size=256))
        batches = stream(images, batch_size=256, statistics=statistics)
        op = lsgeo.hessian(loss, params, batches=batches)
        for epoch in range(90): train(stream(images, batch_size=256, seed=0).for_epoch(epoch))

    Args:
      source: a dict of arrays with the examples on the leading axis (NumPy memory maps too), or anything
        with a length and one example per index, as `ImageFolder`, `HubSplit` and the sources of grain.
      batch_size: examples per batch and process.
      seed: shuffles, for each epoch anew (`for_epoch`); None keeps the order of the source.
      process_index: which share is read; None takes that of this JAX process.
      process_count: number of shares; None takes the number of JAX processes.
      drop_remainder: leaves the last examples out where they fill no batch or not every process has one. The
        default keeps them, and the last batch is smaller.
      statistics: standardises the images; None leaves them 8-bit.
      num_threads: threads that read; 0 reads in the thread of the caller, which is best for arrays in memory.

    Returns:
      Stream. A batch has the structure of an example, with NumPy leaves [batch_size, ...].

    Raises:
      ImportError: on reading, without `grain`.
      ValueError: for an empty source, sizes that cannot be, or a stream without a batch.
    """
    if isinstance(source, dict):
        source = _Rows.of(source)
    process_index = jax.process_index() if process_index is None else process_index
    process_count = jax.process_count() if process_count is None else process_count
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1; got {batch_size}.")
    if not 0 <= process_index < process_count:
        raise ValueError(
            f"`process_index` must be below `process_count` = {process_count}; got {process_index}."
        )
    made = Stream(
        source,
        batch_size,
        seed,
        process_index=process_index,
        process_count=process_count,
        drop_remainder=drop_remainder,
        statistics=statistics,
        num_threads=num_threads,
    )
    if len(made) == 0:
        raise ValueError(
            f"`source` has {len(source)} examples: no batch of {batch_size} for process {process_index} of "
            f"{process_count}."
        )
    return made


@dataclasses.dataclass(frozen=True)
class _Rows:
    arrays: dict[str, np.ndarray]

    @classmethod
    def of(cls, arrays):
        sizes = {name: len(array) for name, array in arrays.items()}
        if len(set(sizes.values())) != 1:
            raise ValueError(f"`source` must have arrays of one length; got {sizes}.")
        return cls(arrays)

    def __len__(self):
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, index):
        return {name: array[index] for name, array in self.arrays.items()}
