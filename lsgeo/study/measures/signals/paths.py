"""Paths through a network: energy by length, and what is left when blocks are deleted (claim C10)."""

import jax
import numpy as np

from lsgeo import models
from lsgeo.draws import generator
from lsgeo.geometry import gradient_path_energies, path_length_law
from lsgeo.study.measures.records import Measure, Smallest, columns
from lsgeo.study.measures.signals._chains import chain_of, deletable, has_blocks
from lsgeo.study.measures.subject import Subject, first_examples

NUM_GRADIENTS = 64  # examples that the gradient is of
FEWEST = 3  # blocks whose path lengths can differ from a binomial law
NUM_ERRORS = 400  # test examples that an error is counted on
NUM_ORDERS = 3  # in which blocks are deleted one after the other


def _measure_paths(subject: Subject) -> dict[str, float]:
    few = first_examples(subject.batch, NUM_GRADIENTS)
    chain = chain_of(subject, few["image"])
    # A stream that is no sum has one path, and one or two blocks have any law's lengths.
    if chain is None or not chain.adds or len(chain.names) < FEWEST:
        return {"path_kl": np.nan, "path_share": np.nan}
    top = _stream_gradient(subject.loss, subject.params, few, chain.names[-1])
    found = gradient_path_energies(chain.branches, chain.below, top)
    share = found.mean_length / len(chain.names)
    law = path_length_law([share / (1 - share)] * len(chain.names))
    return {"path_kl": found.divergence(law), "path_share": share}


_stream_gradient = jax.jit(models.stream_gradient, static_argnums=3)


def _measure_lesions(subject: Subject) -> dict[str, float]:
    few = first_examples(subject.test, NUM_ERRORS)
    free = deletable(subject, few["image"])
    if not free or "label" not in few:
        return dict.fromkeys(LESIONS.columns, np.nan)

    def error(deleted):
        kept = {name: np.asarray(name not in deleted) for name in free}
        without = models.WithoutBlocks(subject.predict, kept)
        return float(_error(without, subject.params, few))

    whole = error(())
    rises = np.array([error((name,)) for name in free]) - whole
    chance = 1 - 1 / subject.num_classes
    return {
        "lesion_error_rise": float(np.median(rises)),
        "lesion_error_rise_max": float(np.max(rises)),
        "lesion_to_chance": float(np.median(rises) / (chance - whole))
        if whole < chance
        else np.nan,
        "lesion_jump": _jump(error, free, whole, generator(subject.key)),
    }


def _jump(error, free, whole, rng):
    # The largest rise from one more deletion: a smooth decline has small ones only.
    if len(free) < 2:
        return np.nan
    largest = []
    for _ in range(NUM_ORDERS):
        order = rng.permutation(free).tolist()
        errors = [whole, *(error(order[:count]) for count in range(1, len(free) + 1))]
        largest.append(np.max(np.diff(errors)))
    return float(np.mean(largest))


@jax.jit
def _error(predict, params, batch):
    return 1 - models.accuracy(predict(params, batch), batch)


PATHS = Measure(
    "paths",
    (
        *columns(
            "path_kl",
            readings=("init",),
            smallest=Smallest(0.01, "nats: a fifth of the bar of 0.05; seeds differ by 0.003"),
            floor=0.0,
        ),
        *columns("path_share", readings=("init",)),
    ),
    _measure_paths,
    source="Veit et al. 2016; divergence of the gradient's energy by length from Binomial(n, p)",
    cost=0.3,
    suits=has_blocks,
)

LESIONS = Measure(
    "lesions",
    columns(
        "lesion_error_rise",
        "lesion_error_rise_max",
        "lesion_to_chance",
        "lesion_jump",
        readings=("matched", "end"),
        smallest=Smallest(
            0.1, "a tenth of the way from no harm to chance: two standard deviations over seeds"
        ),
    ),
    _measure_lesions,
    source="Veit et al. 2016, sections 4.1 and 4.2; errors on test data",
    cost=0.3,
    suits=has_blocks,
)
