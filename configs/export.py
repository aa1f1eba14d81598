"""Surfaces for other programs: spreadsheets, tools around Li et al.'s code, ParaView, a browser.

Paper: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss landscape of neural nets" (2018), for the
keys of the HDF5 files. Needs pip install 'lsgeo[export]'. Command, for runs of `configs/surface.py`:

    python -m experiments.export --run=runs/surface-skip
    python -m experiments.export --run=runs/surface-skip --twin=runs/surface-no-skip
      --config.formats=html --workdir=runs/page

Expect RUN/exports with three files for each plane and surfaces.html, 5 MB, which opens without a network.
Run time: 2 seconds.
"""

from experiments.export import Config


def get_config() -> Config:
    """Returns the defaults of `experiments.export.Config`."""
    return Config()
