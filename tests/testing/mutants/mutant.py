"""A mutant: a codec with one fault, and the properties that must fail for it."""

from collections.abc import Callable

from attrs import field, frozen
from hypothesis.strategies import SearchStrategy

from metaprotocol_sdk import Codec


@frozen
class Mutant:
    """A deliberately wrong codec.

    Args:
        name: What is wrong with it.
        make: Makes the codec.
        first: The first property that is reported where later tiers are left out: it must name the fault.
        fails: The ids of all properties that fail where none is left out.
        messages: Returns a strategy for messages that show the fault, or None where the examples do.
        ends: False if the codec never ends, so that the kit has to wait until it ends it.
        deviations: The ids of properties that the codec does not hold without the fault either.
    """

    name: str
    make: Callable[[], Codec] = field(repr=False)
    first: str
    fails: frozenset[str]
    messages: Callable[[], SearchStrategy] | None = None
    ends: bool = True
    deviations: frozenset[str] = frozenset()


def collect(mutants: list[Mutant]) -> Callable[..., Callable[[type[Codec]], type[Codec]]]:
    """Return a decorator that puts a class into a list, with the ids that it must fail, the first one first."""

    def fails(first: str, *others: str, ends: bool = True) -> Callable[[type[Codec]], type[Codec]]:
        def add(codec: type[Codec]) -> type[Codec]:
            mutants.append(Mutant(codec.__name__, codec, first, frozenset((first, *others)), ends=ends))
            return codec

        return add

    return fails
