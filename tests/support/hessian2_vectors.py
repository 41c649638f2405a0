"""The recorded hessian2 values: what each is called, its bytes, and the value that its name says."""

import json
from pathlib import Path
from typing import Any

from attrs import frozen

from metaprotocol_codecs.hessian2 import Date, Instance, Long, Map, TypedList


@frozen
class Vector:
    """One value as one encoder wrote it.

    Args:
        name: What it is called.
        data: Its bytes.
    """

    name: str
    data: bytes


def vectors(corpus: Path, encoder: str) -> list[Vector]:
    """Return the values of one encoder whose bytes are recorded.

    Args:
        corpus: The unpacked corpus.
        encoder: "java-lite3", "java-lite4" or "hessianjs-2.11".
    """
    rows = json.loads((corpus / "hessian2" / f"{encoder}.json").read_text("utf-8"))["vectors"]
    return [Vector(row["Name"], bytes.fromhex(row["Hex"])) for row in rows if row["Hex"] and row["Hex"] != "len>70000"]


def named_value(name: str) -> Any:
    """Return the value that a recorded value's name says.

    Raises:
        KeyError: The name does not say.
    """
    kind, _, rest = name.partition(" ")
    if name not in _NAMED and kind in ("int", "long"):
        return int(rest) if kind == "int" else Long(rest)
    if name not in _NAMED and kind == "double":
        return float(rest)
    if name not in _NAMED and kind == "string":
        unit, star, count = rest.partition("*")
        return unit * int(count) if star else rest
    if name not in _NAMED and kind == "binary":
        return bytes(index & 0xFF for index in range(int(rest)))
    return _NAMED[name]


def _inner(text: str, number: int) -> Instance:
    return Instance("HV$Inner", {"s": text, "a": number})


_TWICE = _inner("x", 1)
_SELF_ARRAY = TypedList("[object")
_SELF_ARRAY.append(_SELF_ARRAY)
_SELF_MAP = Map()
_SELF_MAP.pairs.append(("me", _SELF_MAP))
_HANDLES = "com.alibaba.com.caucho.hessian.io."

_NAMED: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "list untyped [1,a,null]": [1, "a", None],
    "String[]": TypedList("[string", ["a", "b"]),
    "int[]": TypedList("[int", [1, 2]),
    "Object[]": TypedList("[object", [1, "a", None]),
    "Boolean[]": TypedList("[java.lang.Boolean", [True, None]),
    "LinkedList": TypedList("java.util.LinkedList", ["a"]),
    "HashSet": TypedList("java.util.HashSet", [1]),
    "list 8": list(range(8)),
    "empty ArrayList": [],
    "map": Map({"k": "v"}),
    "HashMap": Map({"k": "v"}),
    "empty HashMap": Map(),
    "TreeMap": Map({"k": "v"}, "java.util.TreeMap"),
    "date": Date(894_621_091_000),
    "date minute": Date(894_621_060_000),
    "object Inner": _inner("seven", 7),
    "list same object twice": [_TWICE, _TWICE, _inner("y", 2)],
    "BigDecimal": Instance("java.math.BigDecimal", {"value": "1.50"}),
    "enum": Instance("java.lang.Thread$State", {"name": "NEW"}),
    "Short": 5,
    "Byte": 5,
    "Character": "x",
    "Float": 1.5,
    "Class": Instance("java.lang.Class", {"name": "java.lang.String"}),
    "Locale": Instance(_HANDLES + "LocaleHandle", {"value": "zh_CN"}),
    "UUID": Instance("java.util.UUID", {"value": "00000000-0000-0001-0000-000000000002"}),
    "LocalDate": Instance(_HANDLES + "java8.LocalDateHandle", {"day": 29, "month": 2, "year": 2024}),
    "Calendar": Instance(_HANDLES + "CalendarHandle", {"date": Date(1_704_067_200_000), "type": None}),
    "self array": _SELF_ARRAY,
    "self map": _SELF_MAP,
}
"""The facts that the name of a vector stands for."""
