"""Hessian spectra along one training run.

Papers: Golub and Welsch 1969, Ubaru, Chen and Saad 2017 (density); Wu and Simon 2000 (eigenpairs); Meyer,
Musco, Musco and Woodruff 2021 (trace); those of the instruments are in docs/spectra.md.
Command: python -m experiments.spectrum --config=configs/spectrum.py
  --config.run=runs/train --workdir=runs/spectrum
For a model of your own: python -m experiments.spectrum --problem=package.module:function --workdir=runs/mine
Expected: a bulk at zero and about ten outliers, one per class, at and after loss 0.5.
Run time: about 2 min on two CPU cores.
"""

from experiments.spectrum import INSTRUMENTS, Config


def get_config() -> Config:
    """Returns the configuration: every instrument but "layers", which takes minutes with many leaves."""
    return Config(
        top=5, bottom=2, instruments=tuple(name for name in INSTRUMENTS if name != "layers")
    )
