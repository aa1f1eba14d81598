"""Hessian spectra along one training run.

Papers: Golub and Welsch 1969, Ubaru, Chen and Saad 2017 (density); Meyer et al. 2021 (trace).
Command: python -m experiments.spectrum --config=configs/spectrum.py
  --config.run=runs/train --workdir=runs/spectrum
Expected: a bulk at zero and about ten outliers, one per class, at and after loss 0.5.
"""

from experiments._instruments import INSTRUMENTS
from experiments.spectrum import Config


def get_config() -> Config:
    """Returns the configuration: every instrument."""
    return Config(top=5, bottom=2, instruments=tuple(INSTRUMENTS))
