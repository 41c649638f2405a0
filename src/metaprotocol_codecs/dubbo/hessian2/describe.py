"""Shows values of Hessian 2.0 to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaprotocol_codecs.dubbo.hessian2.values import Date, Instance, Map, TypedList

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MORE = "…"
# Characters or bytes that are shown of one string or binary.
_LONGEST_SCALAR = 80


def describe(value: Any, most: int) -> str:
    """Return a value in one line, such as `org.example.User(name='x', age=3, friends=[…])`.

    Control characters are escaped. What contains itself is shown with … inside, and so are long strings and
    binaries; a text that ends with … goes on. The cost is bounded by `most`, whatever the value's size and depth.

    Args:
        value: What a `Reader` returns.
        most: Characters to return, at least 1.
    """
    parts: list[str] = []
    length = 0
    # A container's pieces are its text and, as a tuple of one, each value in it.
    open_pieces: list[Iterator[str | tuple[Any]]] = [iter([(value,)])]
    open_values: dict[int, Any] = {}
    while open_pieces and length <= most:
        piece = next(open_pieces[-1], None)
        if piece is None:
            open_pieces.pop()
            if open_values:
                open_values.popitem()
            continue
        if isinstance(piece, str):
            text = piece
        elif not isinstance(piece[0], list | dict | Map | Instance):
            text = _scalar(piece[0])
        elif id(piece[0]) in open_values:
            text = _MORE.join(_brackets(piece[0]))
        else:
            open_values[id(piece[0])] = piece[0]
            open_pieces.append(_pieces(piece[0]))
            continue
        parts.append(text)
        length += len(text)
    text = "".join(parts)
    return text if len(text) <= most else text[: most - 1] + _MORE


def _pieces(value: Any) -> Iterator[str | tuple[Any]]:
    opening, closing = _brackets(value)
    yield opening
    separator = ""
    if isinstance(value, list):
        for item in value:
            yield separator
            yield (item,)
            separator = ", "
    elif isinstance(value, Instance):
        for name, item in value.fields.items():
            yield f"{separator}{_name(name)}="
            yield (item,)
            separator = ", "
    else:
        pairs: Iterable[tuple[Any, Any]] = value.pairs if isinstance(value, Map) else value.items()
        for key, item in pairs:
            yield separator
            yield (key,)
            yield ": "
            yield (item,)
            separator = ", "
    yield closing


def _brackets(value: Any) -> tuple[str, str]:
    if isinstance(value, Instance):
        return _name(value.class_name) + "(", ")"
    if isinstance(value, TypedList):
        return _name(value.type) + " [", "]"
    if isinstance(value, list):
        return "[", "]"
    if isinstance(value, Map) and value.type is not None:
        return _name(value.type) + " {", "}"
    return "{", "}"


def _scalar(value: Any) -> str:
    if isinstance(value, str | bytes):
        return repr(value[:_LONGEST_SCALAR]) + _MORE * (len(value) > _LONGEST_SCALAR)
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return str(int(value))
    return str(value) if isinstance(value, Date) else f"<{type(value).__name__}>"


def _name(name: str) -> str:
    """Return a name in which nothing can be taken for the text around it; most can be shown as they are."""
    shown = name[:_LONGEST_SCALAR]
    if not all(part.isidentifier() for part in shown.lstrip("[").replace("$", "_").split(".")):
        shown = repr(shown)
    return shown + _MORE * (len(name) > _LONGEST_SCALAR)
