"""Datasets by name, augmentation on the device, and streams of data larger than memory.

>>> import jax
>>> data = load("digits", num_train=100)
>>> data.train["image"].shape
(100, 8, 8, 1)
>>> augment(data.train["image"], key=jax.random.key(0), padding=1).shape
(100, 8, 8, 1)
"""

from lsgeo.data.augmentation import augment as augment
from lsgeo.data.augmentation import mixup as mixup
from lsgeo.data.datasets import Dataset as Dataset
from lsgeo.data.datasets import load as load
from lsgeo.data.sources import synthetic as synthetic
from lsgeo.data.sources.folder import ImageFolder as ImageFolder
from lsgeo.data.sources.hub import HubSplit as HubSplit
from lsgeo.data.statistics import Statistics as Statistics
from lsgeo.data.streaming import Stream as Stream
from lsgeo.data.streaming import stream as stream
