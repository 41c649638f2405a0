"""Our own codecs with one line changed: faults that somebody could really make."""

import importlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from hypothesis.strategies import SearchStrategy
from mutants.mutant import Mutant

import metaprotocol_codecs
from metaprotocol_codecs.dubbo.strategies import messages as dubbo_messages
from metaprotocol_sdk import Codec

LINES: list[Mutant] = []
# Thrift has many forms of a message; one that has keys, and one whose end its struct tells.
IN_HEADER = {"transport": "header", "protocol": "compact"}
UNFRAMED = {"transport": "unframed", "protocol": "compact"}
_SOURCE = Path(metaprotocol_codecs.__file__).parent
# What the codec itself does not hold, see test_our_codecs.py.
_DEVIATIONS = {"dubbo": frozenset({"MP-MUTATION-008"})}
_CLASSES = {"dubbo": "DubboCodec", "thrift": "ThriftCodec"}


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    sys.path.insert(0, str(folder))
    return folder


def changed(package: str, module: str, line: str, replacement: str) -> type[Codec]:
    """Return the codec of a copy of a package in which one line of a module is another.

    Args:
        package: The package, "dubbo" or "thrift".
        module: Where the line is, such as "mutation.py".
        line: The line, without its indentation; it must be there once.
        replacement: What stands there instead.
    """
    name = f"mutated_{package}_{abs(hash((module, line, replacement)))}"
    target = _folder() / name
    shutil.copytree(_SOURCE / package, target, ignore=shutil.ignore_patterns("__pycache__", "strategies*"))
    for path in target.rglob("*.py"):
        path.write_text(path.read_text("utf-8").replace(f"metaprotocol_codecs.{package}", name), "utf-8")
    path = target / module
    lines = path.read_text("utf-8").splitlines()
    places = [number for number, text in enumerate(lines) if text.strip() == line]
    if len(places) != 1:
        raise LookupError(f"the line {line!r} is {len(places)} times in {package}/{module}")
    indentation = lines[places[0]][: -len(lines[places[0]].lstrip())]
    lines[places[0]] = indentation + replacement
    path.write_text("\n".join(lines) + "\n", "utf-8")
    codec: type[Codec] = getattr(importlib.import_module(name), _CLASSES[package])
    return codec


def mutant(
    package: str,
    module: str,
    line: str,
    replacement: str,
    *fails: str,
    options: Mapping[str, str] = {},
    messages: Callable[[], SearchStrategy] | None = None,
) -> None:
    """Add a mutant with the ids that it must fail, the first one first."""

    @cache
    def codec() -> type[Codec]:
        return changed(package, module, line, replacement)

    name = f"{package}/{module}: {line}"
    deviations = _DEVIATIONS.get(package, frozenset())
    LINES.append(Mutant(name, lambda: codec()(**options), fails[0], frozenset(fails), messages, deviations=deviations))


# A one-way request that waits for an answer.
mutant(
    "dubbo",
    "codec.py",
    "message_type = _REQUEST if two_way else _ONEWAY",
    "message_type = _REQUEST",
    "MP-MESSAGE-003",
    "MP-MESSAGE-006",
)
# A null result that is read like another one.
mutant(
    "dubbo",
    "response.py",
    "values = 0 if kind in (NULL_VALUE, NULL_WITH_ATTACHMENTS) else 1",
    "values = 1",
    "MP-MESSAGE-001",
    "MP-CONVERSATION-001",
)
# A length that is not adjusted.
mutant(
    "dubbo",
    "encode.py",
    "parts[0] = message[:4] + identity + (size - header.LAYOUT.size).to_bytes(4)",
    "parts[0] = message[:4] + identity + (len(message) - header.LAYOUT.size).to_bytes(4)",
    "MP-MUTATION-008",
    "MP-MUTATION-009",
    "MP-MUTATION-010",
    "MP-TEXT-001",
)
# An attachment that pretends to be the method.
mutant(
    "dubbo",
    "encode.py",
    "if key in fields:",
    "if key in ():",
    "MP-MUTATION-001",
    "MP-MUTATION-006",
    "MP-TEXT-001",
)
# A removed value whose key stays, where there are plain strings only, and where there is anything.
mutant(
    "dubbo",
    "mutation.py",
    'edits += ((start, end, b"") for start, _, end in at)',
    'edits += ((value_start, end, b"") for _, value_start, end in at)',
    "MP-MUTATION-001",
    "MP-MUTATION-002",
    "MP-MUTATION-005",
    "MP-MUTATION-007",
    "MP-MUTATION-008",
    "MP-MUTATION-009",
)
mutant(
    "dubbo",
    "mutation.py",
    'edits.append((start, end, b""))',
    'edits.append((value_start, end, b""))',
    "MP-MUTATION-001",
    "MP-MUTATION-002",
    "MP-MUTATION-005",
    "MP-MUTATION-007",
    "MP-MUTATION-008",
    "MP-MUTATION-009",
    messages=dubbo_messages,
)
# A reply for nobody.
mutant(
    "dubbo",
    "header.py",
    "return _write_header(0xDABB, HESSIAN2, ERRORS.code(error), request_id, len(body)) + body",
    "return _write_header(0xDABB, HESSIAN2, ERRORS.code(error), 0, len(body)) + body",
    "MP-REPLY-003",
    "MP-AFTERMATH-004",
)
# A fault to inject that is a success.
mutant(
    "dubbo",
    "header.py",
    "success=(OK,),",
    "success=(),",
    "MP-REPLY-006",
)
# An id that is not written.
mutant(
    "thrift",
    "mutation.py",
    "edits.append(Edit(places.id_start, places.id_end, protocol.write_id(request_id)))",
    "pass",
    "MP-ID-001",
    "MP-AFTERMATH-005",
    options=IN_HEADER,
)
# An id that does not fit.
mutant(
    "thrift",
    "mutation.py",
    "if request_id is not None and not 0 <= request_id <= _LARGEST_ID:",
    "if request_id is not None and request_id < 0:",
    "MP-ID-002",
    options=IN_HEADER,
)
# The length of a frame that is not adjusted.
mutant(
    "thrift",
    "mutation.py",
    "if form.transport != UNFRAMED:",
    "if False:",
    "MP-ID-001",
    "MP-CONNECTION-003",
    "MP-MUTATION-001",
    "MP-MUTATION-002",
    "MP-MUTATION-003",
    "MP-MUTATION-004",
    "MP-MUTATION-005",
    "MP-MUTATION-007",
    "MP-MUTATION-008",
    "MP-MUTATION-009",
    "MP-MUTATION-010",
    "MP-TEXT-001",
    options=IN_HEADER,
)
# A reply that a generated client drops.
mutant("thrift", "replies.py", "method = split_name(name)[1]", 'method = "x"', "MP-REPLY-008", options=IN_HEADER)
# A text that cannot be reported.
mutant(
    "thrift",
    "replies.py",
    'text = error.message.encode("utf-8", "backslashreplace").decode("utf-8")',
    "text = error.message",
    "MP-REPLY-005",
    options=IN_HEADER,
)
# A reader that waits for a byte too many.
mutant(
    "thrift",
    "framing.py",
    "self.needed = end - seen if end else max(self._at - seen, 0) + 1",
    "self.needed = end - seen if end else max(self._at - seen, 0) + 2",
    "MP-FRAMING-004",
    options=UNFRAMED,
)
# A reader that forgets what came before.
mutant(
    "thrift",
    "framing.py",
    "look, first = self._tail + data[start:], self._seen - len(self._tail)",
    "look, first = data[start:], self._seen",
    "MP-STREAM-001",
    "MP-STREAM-002",
    "MP-CONNECTION-001",
    options=IN_HEADER,
)
