"""One family of networks in a study: how its twins are built, trained and measured."""

import dataclasses


@dataclasses.dataclass
class Family:
    """One family of networks and how it is trained and measured.

    Attributes:
      model: a family or a published network of `lsgeo.models`.
      dataset: name of the data, see `lsgeo.data`.
      root: folder of the data's files; "" where they are bundled or synthetic.
      data_options: what only one dataset has, "option=value, ...".
      norms: normalisations, each the same in all arms; () takes the model's default.
      arms: names of `lsgeo.study.ARMS`, separated by commas, the one without skips first; "" takes the study's.
      activation: "" is the family's default.
      initializer: of the arms that have none of their own; "" is the family's default.
      options: what only one family has, "option=value, ...".
      depths: depths of the twins; () leaves the family out.
      width: units, or channels of the first stage; 0 is the model's default.
      num_train: training examples; 0 takes all.
      batch_size: 0 is the full batch.
      eval_batch_size: examples per part of a measurement on all of them; 0 is one part.
      eval_every: steps between two measurements of the training loss (mini-batches).
      optimizer: of all runs.
      learning_rate: common to all arms where the geometry is measured; small, so that it shows the
        network and not the optimiser.
      recipe: published recipe of the training that is measured, a name of `lsgeo.training.PAPER_RECIPES`, in
        place of `optimizer`, `learning_rate`, `batch_size` and `max_steps`; "" is none.
      max_steps: updates at most.
      end_loss: training ends at this training loss.
      learning_rates: grid for the speed of training; each arm is judged at its own best.
      speed_steps: updates at most in the grid.
      num_examples: examples that curvature, surfaces and metrics are measured on; 0 takes all.
      num_probes: start vectors of the density.
      num_steps: Lanczos steps per probe.
      trace_matvecs: products for the trace.
      resolution: points per axis of a surface.
      planes: random planes per network.
      surface_range: half the width of a surface, in filter norms.
      without: instruments and metrics that are too dear here: "surface", "speed", names of metrics.
      cost: seconds that one training takes on one core, for estimates.
    """

    model: str = "mlp"
    dataset: str = "digits"
    root: str = ""
    data_options: str = ""
    norms: tuple[str, ...] = ("layer",)
    arms: str = ""
    activation: str = ""
    initializer: str = ""
    options: str = ""
    depths: tuple[int, ...] = ()
    width: int = 16
    num_train: int = 400
    batch_size: int = 0
    eval_batch_size: int = 0
    eval_every: int = 50
    optimizer: str = "momentum"
    learning_rate: float = 0.003
    recipe: str = ""
    max_steps: int = 1500
    end_loss: float = 0.05
    learning_rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    speed_steps: int = 200
    num_examples: int = 0
    num_probes: int = 4
    num_steps: int = 48
    trace_matvecs: int = 60
    resolution: int = 15
    planes: int = 2
    surface_range: float = 1.0
    without: tuple[str, ...] = ()
    cost: float = 2.0
