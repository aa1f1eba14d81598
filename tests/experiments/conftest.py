"""What several tests of the experiments look at; none of them changes it."""

import dataclasses

import pytest

from configs import study_tiny
from experiments import study


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory):
    """A tiny study that has run, and its configuration."""
    workdir = tmp_path_factory.mktemp("study")
    config = dataclasses.replace(study_tiny.get_config(), workers=1)
    study.run(config, workdir)
    return config, workdir
