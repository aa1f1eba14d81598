"""Experiments: one absl binary each, python -m experiments.NAME --config=... --workdir=..."""
