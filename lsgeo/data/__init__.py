"""Datasets by name.

>>> data = load("digits", num_train=100)
>>> data.train["image"].shape
(100, 8, 8, 1)
"""

from lsgeo.data.datasets import Dataset as Dataset
from lsgeo.data.datasets import load as load
