"""What a study is asked: its families of networks, its arms, its claims."""

import dataclasses
import re

from lsgeo.study.arms import parse_arms
from lsgeo.study.claims import CLAIMS, Claim
from lsgeo.study.laws import LAWS, Law
from lsgeo.study.measures import MEASURES


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
      without: instruments and metrics that are too dear here: "surface", "speed", names of metrics;
        "sweep none" is too dear for networks of the norm "none" alone.
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

    def has(self, instrument: str, norm: str) -> bool:
        """Whether its networks of a norm are measured by an instrument or a metric; see `without`."""
        return not {instrument, f"{instrument} {norm}"} & set(self.without)


NAME = "name"  # A family's on the page, in the metadata of its field.

# A family's name, itself, one of its norms, and its arms.
Block = tuple[str, Family, str, tuple[str, ...]]


@dataclasses.dataclass
class Config:
    """A study of twins.

    Attributes:
      mlp: residual MLPs and their plain twins.
      resnet: CIFAR-style ResNets.
      densenet: networks with concatenation in place of a sum.
      vit: vision transformers.
      synthetic: MLPs on synthetic data.
      types: networks with many types of skips.
      types_synthetic: the same on synthetic data.
      depths: MLPs of many depths, for what is to stay as networks get deeper.
      starts: MLPs whose initial weights or activations stand in for a skip.
      places: vision transformers whose norms stand in other places.
      claims: what the study answers, "C1,C5"; "" is all.
      laws: what is measured for laws whatever the claims, "L1,L3"; "" is what the claims need alone, from which
        every law is read as far as it goes.
      arms: what is compared: names of `lsgeo.study.ARMS`, separated by commas; the first must be "plain".
      num_seeds: pairs of twins per family, norm and depth.
      num_splits: splits of the data into training and test examples; pair k has the split k % num_splits. 0
        gives each pair its own, so that a number holds over splits as over initial weights.
      matched_loss: training loss at which twins are compared.
      confidence: coverage of the intervals, and the probability that none of the primary findings is wrong.
      workers: processes; 0 takes one per core or accelerator.
      only: claims that are to be answered now, "C2,C5"; the others keep what they have. "" is all.
      shard: "k/n" fills the k-th of n parts of the grid (k = 1 to n) and writes no page: one for each machine.
      dry_run: whether to print what would run, how long, with how much memory and disk, and end.
    """

    mlp: Family = dataclasses.field(default_factory=Family, metadata={NAME: "MLP"})
    resnet: Family = dataclasses.field(default_factory=Family, metadata={NAME: "ResNet"})
    densenet: Family = dataclasses.field(default_factory=Family, metadata={NAME: "DenseNet"})
    vit: Family = dataclasses.field(default_factory=Family, metadata={NAME: "ViT"})
    synthetic: Family = dataclasses.field(default_factory=Family, metadata={NAME: "Synthetic"})
    types: Family = dataclasses.field(default_factory=Family, metadata={NAME: "Types"})
    types_synthetic: Family = dataclasses.field(
        default_factory=Family, metadata={NAME: "TypesSynthetic"}
    )
    depths: Family = dataclasses.field(default_factory=Family, metadata={NAME: "Depths"})
    starts: Family = dataclasses.field(default_factory=Family, metadata={NAME: "Starts"})
    places: Family = dataclasses.field(default_factory=Family, metadata={NAME: "Places"})
    claims: str = ""
    laws: str = ""
    arms: str = "plain,residual"
    num_seeds: int = 5
    num_splits: int = 0
    matched_loss: float = 0.5
    confidence: float = 0.95
    workers: int = 0
    only: str = ""
    shard: str = ""
    dry_run: bool = False

    def families(self) -> dict[str, Family]:
        """The families that have a depth, by the name that the page gives them."""
        fields = [field for field in dataclasses.fields(self) if NAME in field.metadata]
        found = {field.metadata[NAME]: getattr(self, field.name) for field in fields}
        return {name: family for name, family in found.items() if family.depths}

    def pairs(self) -> list[tuple[int, int]]:
        """The seed and the split of the data of each pair of twins."""
        return [
            (seed, seed % (self.num_splits or self.num_seeds)) for seed in range(self.num_seeds)
        ]

    def arms_of(self, family: Family) -> tuple[str, ...]:
        """Names of the arms of a family, the one without skips first."""
        return parse_arms(family.arms or self.arms)

    def blocks(self) -> list[Block]:
        """The families by name, with each of their norms, and their arms."""
        return [
            (name, family, norm, self.arms_of(family))
            for name, family in self.families().items()
            for norm in family.norms or ("",)
        ]

    def studied(self) -> tuple[Claim, ...]:
        """The claims of the study."""
        return _claims("claims", self.claims, CLAIMS)

    def asked(self) -> tuple[Claim, ...]:
        """Those of them that are to be answered now."""
        return _claims("only", self.only, self.studied())

    def read(self) -> tuple[Law, ...]:
        """The laws that are measured for."""
        return tuple(law for law in _claims("laws", self.laws, tuple(LAWS.values())) if self.laws)

    def recorded(self) -> "Config":
        """Without what leaves the result alone: processes, parts, and what is answered now."""
        return dataclasses.replace(self, workers=0, only="", shard="", dry_run=False)


INSTRUMENTS = tuple(name for name in MEASURES if name != "train")


def check(config: Config) -> None:
    """Raises a ValueError that names the first field of a study that cannot be."""
    if config.num_seeds < 1:
        raise ValueError(f"`num_seeds` must be at least 1; got {config.num_seeds}.")
    if config.num_splits < 0:
        raise ValueError(f"`num_splits` must be 0 or more; got {config.num_splits}.")
    if config.workers < 0:
        raise ValueError(f"`workers` must be 0 or more; got {config.workers}.")
    if not config.matched_loss > 0:
        raise ValueError(f"`matched_loss` must be positive; got {config.matched_loss}.")
    if not 0 < config.confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1; got {config.confidence}.")
    if not config.families():
        raise ValueError("`depths` are empty in every family: there is no network to study.")
    for name, family in config.families().items():
        if config.arms_of(family)[0] != "plain":
            raise ValueError(
                f"`arms` must begin with plain, which the others are compared with; got "
                f"{family.arms or config.arms!r} for {name}."
            )
        if config.matched_loss < family.end_loss:
            raise ValueError(
                f"`matched_loss` {config.matched_loss} lies below the `end_loss` {family.end_loss} of {name}, "
                "where training ends: no network would get there."
            )
        for field in ("norms", "depths", "learning_rates"):
            if len(set(getattr(family, field))) < len(getattr(family, field)):
                raise ValueError(
                    f"`{field}` of {name} holds a value twice: {getattr(family, field)}."
                )
        for other in family.without:
            instrument, *norms = other.split(" ")
            if instrument not in INSTRUMENTS or not set(norms) <= set(family.norms):
                raise ValueError(
                    f"`without` of {name} holds {other!r}, which is no instrument, or none followed by one of "
                    f"its norms ({', '.join(family.norms)}). Choose from: {', '.join(INSTRUMENTS)}."
                )
    config.asked()
    config.read()


def _claims(field, text, among):
    # Those of some claims or laws that a field names; "" names all.
    names = names_of(text)
    there = {claim.name: claim for claim in among}
    for name in names:
        if name not in there:
            raise ValueError(
                f"`{field}` holds {name!r}, which is no {'law' if field == 'laws' else 'claim'} of this study. "
                f"Choose from: {', '.join(there)}."
            )
    return tuple(claim for claim in among if not names or claim.name in names)


def names_of(text: str) -> list[str]:
    """Names of claims out of "c2, C5"."""
    return [name.upper() for name in re.split(r"[\s,]+", text) if name]
