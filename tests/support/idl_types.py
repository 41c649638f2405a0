"""Generates interface definitions, and arguments that are of them or nearly."""

from hypothesis import strategies as st

from metaprotocol_codecs.thrift.strategies.values import Kind, structs, values

CONTAINERS = {"list": Kind.LIST, "set": Kind.SET, "map": Kind.MAP, "struct": Kind.STRUCT}
SCALARS = {kind.name.lower(): kind for kind in Kind if kind not in CONTAINERS.values() and kind is not Kind.UUID}
NUMBERS = {**SCALARS, **CONTAINERS}

# A type is its name, or a tuple: a list or a set of a type, a map of two, or the types of a struct's fields 1, 2, ...
KEYS = st.sampled_from(list(SCALARS))
TYPES = st.recursive(
    KEYS,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["list", "set"]), inner),
        st.tuples(st.just("map"), KEYS, inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda fields: ("struct", *fields)),
    ),
    max_leaves=6,
)


def definition(types):
    """Write the definition of a service whose method `m` has arguments of these types."""
    text = []

    def name_of(kind):
        if isinstance(kind, str):
            return kind
        names = list(map(name_of, kind[1:]))
        if kind[0] != "struct":
            return f"{kind[0]}<{', '.join(names)}>"
        fields = ", ".join(f"{number}: {name} f{number}" for number, name in enumerate(names, 1))
        text.append(f"struct S{len(text)} {{ {fields} }}")
        return f"S{len(text) - 1}"

    arguments = ", ".join(f"{number}: {name_of(kind)} a{number}" for number, kind in enumerate(types, 1))
    return "\n".join([*text, f"service Service {{ void m({arguments}) }}"])


def number_of(kind):
    return NUMBERS[kind if isinstance(kind, str) else kind[0]]


@st.composite
def values_of(draw, kind):
    """Draw a value of a type, as `thrift_values` writes it."""
    if isinstance(kind, str):
        return draw(values(SCALARS[kind]))
    if kind[0] == "struct":
        return draw(arguments_of(kind[1:]))
    size, inner = draw(st.integers(0, 3)), kind[1:]
    if kind[0] == "map":
        pairs = [tuple(draw(values_of(part)) for part in inner) for _ in range(size)]
        return (*map(number_of, inner), pairs)
    return number_of(inner[0]), [draw(values_of(inner[0])) for _ in range(size)]


@st.composite
def arguments_of(draw, types):
    """Draw some of the fields that have these types, in any order, and others that the definition does not have."""
    known = [
        (number, number_of(kind), draw(values_of(kind))) for number, kind in enumerate(types, 1) if draw(st.booleans())
    ]
    unknown = [(number + 100, *rest) for number, *rest in draw(structs(depth=2)) if 0 < number < 1000]
    return draw(st.permutations([*known, *unknown]))


@st.composite
def with_one_change(draw, types):
    """Draw the same types but for one, which may be deep inside."""
    at = draw(st.integers(0, len(types) - 1))
    return [*types[:at], draw(changed(types[at])), *types[at + 1 :]]


@st.composite
def changed(draw, kind):
    if isinstance(kind, str) or draw(st.integers(0, 3)) == 0:
        return draw(TYPES)
    if kind[0] == "map" and draw(st.booleans()):
        return ("map", draw(KEYS), kind[2])
    first = 2 if kind[0] == "map" else 1
    return (*kind[:first], *draw(with_one_change(kind[first:])))


METHODS = st.lists(TYPES, min_size=1, max_size=3)
