"""Any image classification data set of Hugging Face, through the library `datasets`."""

import os
from typing import Any

import numpy as np

from lsgeo.data.sources import _pictures as pictures
from lsgeo.data.sources._files import missing
from lsgeo.data.sources._pool import Pool


class HubSplit:
    """One split of a data set, one example at a time: what `stream` reads.

    Attributes:
      table: the `datasets.Dataset`.
      num_classes: as the label column says; None where it does not.
    """

    def __init__(
        self,
        path: str,
        split: str,
        *,
        config: str | None = None,
        revision: str | None = None,
        root: str | os.PathLike | None = None,
        image: str | None = None,
        label: str | None = None,
        resize: int | None = None,
        image_size: int | None = None,
        channels: int = 3,
    ):
        """Opens a split; it is downloaded unless it is in the cache already.

        Args:
          path: name at Hugging Face, e.g. "uoft-cs/cifar10", or a local folder of parquet or image files.
          split: e.g. "train".
          config: the data set's configuration, where it has several.
          revision: commit or tag; None takes the newest.
          root: folder of the library's cache; None takes the library's own.
          image: name of the column with the images; None takes the only one of that type.
          label: name of the column with the labels; None takes the only one of that type.
          resize: the shorter side is scaled to it; None leaves the size.
          image_size: side of the square cut from the centre; None cuts nothing.
          channels: 3 (RGB) or 1 (grey).

        Raises:
          ImportError: without the library.
          ValueError: if a column is missing, or none or several could be meant.
        """
        try:
            import datasets
        except ImportError as error:
            raise missing("datasets", f"'hf:{path}'") from error

        self.table = datasets.load_dataset(
            str(path),
            config,
            split=split,
            revision=revision,
            cache_dir=None if root is None else str(root),
        )
        self.name = f"hf:{path} {split}"
        self._pictures = pictures.Pictures(resize, image_size, channels)
        self._image = self._column("image", image, datasets.Image)
        self._label = self._column("label", label, datasets.ClassLabel)
        if not isinstance(self.table.features[self._image], datasets.Image):
            raise ValueError(
                f"`image` is {self._image!r}, but this column of {self.name} holds "
                f"{self.table.features[self._image]}, not images."
            )
        feature = self.table.features[self._label]
        self.num_classes = getattr(feature, "num_classes", None)

    def _column(self, argument, chosen, kind):
        features = self.table.features
        if chosen is not None:
            if chosen not in features:
                raise ValueError(
                    f"`{argument}` is {chosen!r}, but {self.name} has the columns {', '.join(features)}."
                )
            return chosen
        fitting = [name for name, feature in features.items() if isinstance(feature, kind)]
        if len(fitting) != 1:
            raise ValueError(
                f"{self.name} has {len(fitting)} columns of type {kind.__name__}; choose one as `{argument}` "
                f"among {', '.join(features)}."
            )
        return fitting[0]

    def labels(self) -> np.ndarray:
        """All labels [N], without reading the images."""
        return np.asarray(self.table[self._label])

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns {"image": uint8 [H, W, C], "label": int32 []}."""
        row = self.table[int(index)]
        source = f"{self.name} {index}"
        return {
            "image": self._pictures.array(row[self._image], source),
            "label": np.int32(row[self._label]),
        }


def hub(
    path: str,
    root: str | os.PathLike | None,
    *,
    train: str = "train",
    test: str | None = "test",
    **options: Any,
) -> Pool:
    """Reads both splits of a data set into memory.

    Args:
      path: as `HubSplit`.
      root: as `HubSplit`.
      train: the split to train on.
      test: the split to test on; None sets a quarter of `train` aside.
      **options: those of `HubSplit`.

    Raises:
      ImportError: without the library.
      ValueError: as `HubSplit`, and for labels or images that do not fit together.
    """
    splits = [HubSplit(path, name, root=root, **options) for name in (train, test) if name]
    num_classes = splits[0].num_classes or int(splits[0].labels().max()) + 1
    parts = [_loaded(split, num_classes) for split in splits]
    return Pool(parts[0], parts[1] if test else None, num_classes)


def _loaded(split, num_classes):
    names = [f"{split.name} {index}" for index in range(len(split))]
    return pictures.loaded(split, names, split.labels(), source=split.name, num_classes=num_classes)
