"""Experiments: one absl binary each, python -m experiments.NAME --config=... --workdir=...

Each is a `Config` and run(config, workdir, progress), whose own docstring says what its files hold.

Args:
  config: its Config.
  workdir: the run's directory; it gets config.json, provenance.json, arrays/NAME.npz and figures/NAME.svg. What
    is there is left alone, so that a killed run continues there.
  progress: progress(done, total, text); without one nothing is printed.

Returns:
  The `lsgeo.runs.Run`.

Raises:
  ValueError: for a bad field, a run or a checkpoint that is not there, or the directory of another
    configuration; where a file says which weights it was measured of, for other weights too.
"""
