"""A test to paste that fails now and will fail when the fault comes back, laid out as `ruff format` leaves it."""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from metaprotocol_sdk.testing._case import Case
    from metaprotocol_sdk.testing._property import Result
    from metaprotocol_sdk.testing._subject import Subject

_OURS = ("Direction", "Error", "ErrorType")
_WIDTH = 120
_STEP = "    "
_CHUNK = 90  # columns of a part of a long text


def regression_test(subject: Subject, result: Result) -> str:
    """Return the source of a test for a failing case; "" if there is no case."""
    if result.case is None:
        return ""
    found = result.property
    module, name = _where(subject)
    call = f'replay("{found.id}", {name}, {result.case!r})'
    lines = [f"from {module} import {name}" if module else f"# import {name}, the codec"]
    if used := [ours for ours in _OURS if re.search(rf"\b{ours}\b", call)]:
        lines.append(f"from metaprotocol_sdk import {', '.join(used)}")
    lines += ["from metaprotocol_sdk.testing import Case, replay", "", ""]
    lines += [f"def {found.test_name}_{_fingerprint(result.case)}() -> None:"]
    lines += [f'    """{found.title}."""', *laid_out(call)]
    return "\n".join(lines)


def _where(subject: Subject) -> tuple[str, str]:
    """Return the module and the name to import for making the codec; "" for the module if it cannot be imported."""
    made = subject.make if inspect.isclass(subject.make) else type(subject.codec)
    if "<" in made.__qualname__ or made.__module__ == "__main__":
        return "", made.__name__
    return made.__module__, made.__qualname__.partition(".")[0] if "." in made.__qualname__ else made.__name__


def _fingerprint(case: Case) -> str:
    """Return a few letters that differ from case to case."""
    import hashlib

    return hashlib.sha256(repr(case).encode("utf-8", "backslashreplace")).hexdigest()[:6]


def laid_out(source: str, indent: str = _STEP) -> list[str]:
    """Return the lines of an expression: one line if it fits, else an argument a line.

    Args:
        source: The expression, of calls, sequences, mappings, names and constants.
        indent: The beginning of each line.
    """
    return list(_lines(ast.parse(source, mode="eval").body, indent, "", ""))


def _lines(node: ast.expr, indent: str, before: str, after: str) -> Iterator[str]:
    flat = f"{indent}{before}{_flat(node)}{after}"
    if len(flat) <= _WIDTH:
        yield flat
    elif isinstance(node, ast.Call):
        yield f"{indent}{before}{_flat(node.func)}("
        for argument in node.args:
            yield from _lines(argument, indent + _STEP, "", ",")
        for keyword in node.keywords:
            yield from _lines(keyword.value, indent + _STEP, f"{keyword.arg}=", ",")
        yield f"{indent}){after}"
    elif isinstance(node, ast.Tuple | ast.List):
        opening, closing = "()" if isinstance(node, ast.Tuple) else "[]"
        yield f"{indent}{before}{opening}"
        for element in node.elts:
            yield from _lines(element, indent + _STEP, "", ",")
        yield f"{indent}{closing}{after}"
    elif isinstance(node, ast.Dict):
        yield f"{indent}{before}{{"
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                yield from _lines(value, indent + _STEP, f"{_flat(key)}: ", ",")
        yield f"{indent}}}{after}"
    elif isinstance(node, ast.BinOp):  # repeated bytes
        yield from _lines(node.left, indent, before, f" * {_flat(node.right)}{after}")
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _long_text(node.value, indent, before, after)
    else:
        yield flat


def _long_text(text: str, indent: str, before: str, after: str) -> Iterator[str]:
    """Yield a text in pieces: adjacent literals, which Python joins, or after a name a call of join."""
    pieces = list(_pieces(text))
    if before:
        yield f'{indent}{before}"".join('
        yield f"{indent}{_STEP}["
        yield from (f"{indent}{2 * _STEP}{piece}," for piece in pieces)
        yield f"{indent}{_STEP}]"
        yield f"{indent}){after}"
    else:
        *first, last = pieces
        yield from (f"{indent}{piece}" for piece in first)
        yield f"{indent}{last}{after}"


def _pieces(text: str) -> Iterator[str]:
    """Yield the parts of a text as Python, each short enough for a line."""
    start = columns = 0
    for at, character in enumerate(text):
        columns += len(repr(character)) - 2
        if columns > _CHUNK:
            yield _quoted(text[start:at])
            start, columns = at, len(repr(character)) - 2
    yield _quoted(text[start:])


def _flat(node: ast.expr) -> str:
    """Return an expression on one line."""
    if isinstance(node, ast.Call):
        parts = [_flat(argument) for argument in node.args]
        parts += [f"{keyword.arg}={_flat(keyword.value)}" for keyword in node.keywords]
        return f"{_flat(node.func)}({', '.join(parts)})"
    if isinstance(node, ast.Attribute):
        return f"{_flat(node.value)}.{node.attr}"
    if isinstance(node, ast.Tuple):
        parts = [_flat(element) for element in node.elts]
        return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"
    if isinstance(node, ast.List):
        return f"[{', '.join(_flat(element) for element in node.elts)}]"
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return f"{{{', '.join(f'{_flat(key)}: {_flat(value)}' for key, value in pairs if key is not None)}}}"
    if isinstance(node, ast.BinOp):
        return f"{_flat(node.left)} * {_flat(node.right)}"
    if isinstance(node, ast.Constant):
        return _quoted(node.value) if isinstance(node.value, str | bytes) else repr(node.value)
    return ast.unparse(node)


def _quoted(value: str | bytes) -> str:
    """Return a text or some bytes as Python, in double quotes unless that takes more escapes."""
    text = repr(value)
    prefix = "b" if isinstance(value, bytes) else ""
    if text.endswith('"') or '"' in text:
        return text
    return f'{prefix}"{text[len(prefix) + 1 : -1]}"'
