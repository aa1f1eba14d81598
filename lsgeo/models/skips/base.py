"""What a skip type is, and what it says about itself."""

from collections.abc import Callable
from typing import ClassVar, Literal

import flax.linen as nn
import jax

from lsgeo.models.skips.learned import Learned

Branch = Callable[[jax.Array], jax.Array]
Output = Callable[[], jax.Array]
Index = jax.Array | int


def straight(x: jax.Array) -> jax.Array:
    """The shortcut of a block that keeps the stream's shape."""
    return x


class Skip(nn.Module):
    """What all skip types share.

    A type is called as skip(x, branch, shortcut, index, train): x the stream [N, ..., C], `branch`
    and `shortcut` functions of it, `index` the block's number from 0 (traced in a scanned network).
    In the equations F is the branch and S the shortcut, S(x) = x where the shape stays. Most types
    write their equation as `join` of the two.

    Beside its equation a type says in class attributes (or properties, where options decide) what
    passes beside the branch and what it has learned; all that asks by type asks here.

    Attributes:
      num_blocks: blocks of the network, L; a class that has no use for it leaves it alone.
    """

    num_blocks: int = 1

    # What comes through where the branch adds nothing: "nothing", the whole "stream" S(x), or a "part",
    # which is all else that can be made of it. To be stated by each type.
    passes: ClassVar[Literal["nothing", "stream", "part"]]
    # How its learned gate is read, a `Weight`, `Opening` or `Mixing`; None: it has no gate. To be stated too.
    learned: ClassVar[Learned | None]
    # Streams that the network carries between its blocks; a type with more has an attribute for it.
    streams: ClassVar[int] = 1
    # The module reader(streams, number) that makes one of them again behind the last block; None is their sum,
    # and each starts as a copy. With one, the first starts as the network's input and the others empty.
    reader: ClassVar[type[nn.Module] | None] = None
    # Whether it draws random numbers in training.
    is_random: ClassVar[bool] = False
    # Share of the shortcut's numbers that a training step lets through.
    share: ClassVar[float] = 1.0
    # Whether its branch has the weight zero at first: without a gradient, and no use to a zero kernel.
    starts_closed: ClassVar[bool] = False
    # Whether the two branches of a transformer's block share its parameters.
    shared_in_block: ClassVar[bool] = False

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        branch: Branch,
        shortcut: Branch = straight,
        index: Index = 0,
        train: bool = False,
    ) -> jax.Array:
        """Maps the stream to the next one."""
        return self.join(lambda: shortcut(x), lambda: branch(x), index, train)

    def join(self, shortcut: Output, branch: Output, index: Index, train: bool) -> jax.Array:
        """Puts S(x), which is `shortcut()`, and F(x), `branch()`, together; in a compact method."""
        raise NotImplementedError(f"{type(self).__name__} has no `join`.")

    def check(self) -> None:
        """Raises a ValueError for an option out of its range."""


def require(holds: bool, option: str, value: object, what: str) -> None:
    """Raises a ValueError that says what an option must be, unless it holds."""
    if not holds:
        raise ValueError(f"`{option}` of the skip must be {what}; got {value!r}.")


def random(skip: Skip, train: bool) -> bool:
    """Whether a random skip draws: in training mode, with a key for the collection "dropout".

    Batch statistics are estimated in training mode and without a key, of the network as evaluated.
    """
    return train and skip.has_rng("dropout")
