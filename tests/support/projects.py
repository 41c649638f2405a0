"""Projects that `metaprotocol new` makes, for tests."""

import importlib
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from click.testing import CliRunner, Result

from metaprotocol_cli.main import main
from metaprotocol_cli.new.protocol import KINDS

LONG = "a meaning of eighty characters, which is as long as the meaning of a field may get"[:80]

# Options after `metaprotocol new NAME --defaults`, by NAME.
AWKWARD = {
    name: shlex.split(options)
    for name, options in {
        # Little endian, the body alone is counted, an id of 8 bytes, a type of 2, success that is not 0,
        # failures by names that no error of a mesh has.
        "little": """
            --byte-order little --magic 414c --counts body
            --types request=256,response=512 --statuses ok=20,too_hot=30,too_cold=40
            --field kind:2 --field id:8 --field 'flags:1:what the payload is' --field body_length:4
            --field cmd:4 --field status:1 --field meta_size:2
        """,
        # A name that begins with a digit; no magic, no headers, no heartbeats; failures have a type of their own.
        "9p-like": """
            --byte-order little --author "Zoë O'Brien" --id tag --types request=100,response=101,exception=107
            --field size:4 --field type:1 --field tag:2
        """,
        # Names that Python uses itself, a length of 2 bytes for the rest, no id, no type, no status.
        "class": f"""
            --package x --length len --counts rest --operation str
            --field len:2 --field str:1 --field message:1 --field reserved:6
            --field 'name_of_24_characters_xy:8:{LONG}'
        """,
        # Three lengths that are added up, as in SOFA-Bolt, and responses in the order of requests.
        "bolt-like": """
            --magic 424f --id in-order --length class_length+header_length+content_length --counts body
            --types request=1,response=2
            --field type:1 --field codec:1 --field class_length:2 --field header_length:2 --field content_length:4
            --field crc:1
        """,
        # An id at other offsets in requests and responses, as Kafka has its correlation id.
        "kafka-like": "--magic none --id 8/4:4 --counts rest --field length:4",
        # The longest name, and the smallest header.
        "n" * 46: "--magic ff --field length:1",
        # Everything at once, as wide and as long as it gets.
        "wide": f"""
            --field 'version:8=18446744073709551615:{LONG}' --field type_of_24_characters_xy:8
            --field id_of_the_24_characters_:8 --field length_of_24_characters_:8 --field op_of_the_24_characters_:8
            --field 'status_of_24_characters_:2:{LONG}' --field headers_of_24_characters:1
            --field one:1 --field two:2 --field four:4 --field eight:8 --field bytes:100
            --type type_of_24_characters_xy --id id_of_the_24_characters_ --length length_of_24_characters_
            --operation op_of_the_24_characters_ --status status_of_24_characters_ --headers headers_of_24_characters
            --statuses ok=200,not_found=404,too_many_requests=429,internal=500
            --types={",".join(f"{kind}={2**64 - 1 - number}" for number, kind in enumerate(KINDS))}
        """,
    }.items()
}


def new(*arguments: str, answers: str | None = None) -> Result:
    """Run `metaprotocol new`."""
    return CliRunner().invoke(main, ["new", *arguments], input=answers)


def make(folder: Path, name: str = "acme-rpc", *options: str) -> Path:
    """Make a project in a folder, and return its own."""
    result = new(name, "--defaults", "--output-dir", str(folder), *options)
    assert result.exit_code == 0, result.output
    (project,) = (path for path in folder.iterdir() if path.name.startswith(name))
    return project


@contextmanager
def imported(project: Path) -> Iterator[ModuleType]:
    """Import the package of a project, for as long as the block runs."""
    (package,) = (path.name for path in (project / "src").iterdir())
    sys.path.insert(0, str(project / "src"))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(package)
    finally:
        sys.path.remove(str(project / "src"))
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
