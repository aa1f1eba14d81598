"""Follows full-batch training: does it end at the edge of stability, and where does the gradient point?

Trains networks with and without skips from the same weights and records, along training, the loss, the
sharpness against the optimiser's limit (2 / learning rate for gradient descent), the top of the Hessian's
spectrum, the gradient's share in it, and the distance from the gradient flow.

python -m experiments.dynamics --config=configs/dynamics.py --workdir=runs/dynamics
"""

import dataclasses
import os

from experiments.common.steps import Progress, Steps, report
from experiments.dynamics import _subjects, _training
from lsgeo import runs


@dataclasses.dataclass
class Config:
    """Full-batch training of twins.

    Attributes:
      dataset: name of the data, see `lsgeo.data`.
      root: folder of the data's files; "" where they are bundled or synthetic.
      data_options: what only one dataset has, "option=value, ...".
      num_train: training examples; 0 takes all.
      model: a family, or a published network, of `lsgeo.models`.
      depth: blocks or layers, as the family counts them; 0 is the model's default.
      width: units per block, or channels of the first stage; 0 is the model's default.
      norm: normalisation; batch norm uses the statistics of the full batch.
      activation: nonlinearity. Smooth ones, such as tanh, have the sharpness follow its limit closely.
      initializer: initial weights.
      init_scale: what the initial kernels are multiplied by. From small ones the sharpness rises along
        training, from large ones it need not.
      options: what only one family has, "option=value, ...".
      arms: what is compared, names of `lsgeo.study.ARMS`, separated by commas.
      loss: "squared_error" (1/2 ||f - onehot||^2, averaged over examples only) or "cross_entropy".
      optimizer: "sgd", "momentum" (heavy ball), "nesterov" or "adam".
      momentum: of the second and the third.
      learning_rates: each of them trains every arm.
      num_steps: updates.
      every: updates between two records.
      top: highest eigenvalues; 0 takes as many as there are classes.
      bottom: lowest eigenvalues.
      tol: bound on their residuals, relative to the largest |lambda|.
      flow_gradients: gradients for the gradient flow of each training, which is followed as far as they last;
        0 leaves it out. Adam follows none.
      stable_steps: steps of the trainings by which the largest stable learning rate is found; 0 leaves it
        out. Adam has none.
      seed: initial weights, and start vectors of the eigenvalues.
      data_seed: subset of the data.
    """

    dataset: str = "digits"
    root: str = ""
    data_options: str = ""
    num_train: int = 500
    model: str = "mlp"
    depth: int = 4
    width: int = 32
    norm: str = ""
    activation: str = "tanh"
    initializer: str = "xavier"
    init_scale: float = 0.5
    options: str = ""
    arms: str = "plain,residual"
    loss: str = "squared_error"
    optimizer: str = "sgd"
    momentum: float = 0.9
    learning_rates: tuple[float, ...] = (0.12,)
    num_steps: int = 1500
    every: int = 50
    top: int = 0
    bottom: int = 1
    tol: float = 1e-3
    flow_gradients: int = 40_000
    stable_steps: int = 100
    seed: int = 0
    data_seed: int = 0


def run(config: Config, workdir: str | os.PathLike, progress: Progress | None = None) -> runs.Run:
    """Trains every arm at every rate into arrays/ARM_RATE.npz and draws figures/dynamics_RATE.svg.

    Returns:
      The Run. An entry has, one for each record: steps, loss, sharpness (of the preconditioned Hessian for
      Adam), values and residuals (the lowest eigenvalues, then the top ones, ascending), gradient_norm, share
      (of the squared gradient in the top vectors), kept (share of the top space that was in it at the record
      before), distance (from the gradient flow), travelled (by the flow), flow_error, flow_loss, num_matvecs;
      losses (of every step), limit (of the sharpness), learning_rate, top (their number), arm, status
      ("trained" or "diverged"), text, seconds. ARM_stable has the fields of `lsgeo.geometry.LargestStableRate`.

    Raises:
      ValueError: for a model whose loss is random.
    """
    subjects = _subjects.subjects(config)
    opened = runs.open_run(workdir, config)
    step = Steps(progress, len(subjects) * config.num_steps)
    for i, (name, subject) in enumerate(subjects.items()):
        _training.follow(opened, name, subject, step.after(i * config.num_steps))
    stable = _training.stable_rates(opened, config, subjects)
    for rate in config.learning_rates:
        _training.draw(
            opened, rate, [n for n, one in subjects.items() if one.learning_rate == rate]
        )
    entries = (opened.load(name) for name in [*subjects, *stable])
    report(progress, opened, (f"{entry['arm']}, {entry['text']}" for entry in entries))
    return opened
