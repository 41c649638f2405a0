"""Blocks of documents that show a console: commands, and what they print."""

import re

FENCE = re.compile(r"^ *(?P<marks>`{3,}|~{3,})(?P<info>[^`\n]*)$", re.MULTILINE)


def commands(block: str) -> list[tuple[str, str]]:
    """Return each command of a console block and what is shown under it."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = part.replace("\\\n", "").partition("\n")
        found.append((command, expected))
    return found


def matches(expected: str, found: str) -> bool:
    """Compare line by line; blanks at a line's end and empty lines at the text's end do not count."""
    lines = [line.rstrip() for line in expected.rstrip().splitlines()]
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in lines)
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in found.rstrip().splitlines())) is not None
