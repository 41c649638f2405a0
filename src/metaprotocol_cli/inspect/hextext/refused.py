"""Texts that show packets or bytes, and are not read: each is named, with the way to one that is."""

from __future__ import annotations

import re

_CAPTURE = "write a capture with `tcpdump -w FILE` or `tshark -w FILE`, or save it from Wireshark as pcapng"
_FOLLOW = "choose Raw or Hex Dump under `Show as` in Wireshark's Follow window"
_TABLE = tuple(
    (name, re.compile(pattern, re.MULTILINE), advice)
    for name, pattern, advice in (
        ("PDML, Wireshark's packets as XML", r"\A\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:pdml|psml)\b", _CAPTURE),
        ("packets as JSON (tshark -T json)", r'"_source": \{\s*"layers"|\A\{"timestamp":"\d+","layers"', _CAPTURE),
        ("YAML of Wireshark's Follow window", r"^peers:\s*$(?s:.)*^ +- peer: \d", _FOLLOW),
        ("packet details of Wireshark or tshark", r"\A\s*Frame \d+: \d+ bytes on wire", _CAPTURE),
        ("a packet list of Wireshark or tshark", r"\A\s*No\. +Time +Source ", _CAPTURE),
        ("packets as tcpdump prints them", r"\A(?:\S+ )?\d\d:\d\d:\d\d\.\d+ IP6? ", _CAPTURE),
        ("packets in K12 text", r"\A\+-{9}\+-{15}\+-{10}\+", _CAPTURE),
        ("Intel HEX", r"\A:[0-9A-Fa-f]{8}(?:[0-9A-Fa-f]{2})+\r?$", "convert it with `objcopy -I ihex -O binary`"),
        ("S-records", r"\AS0[0-9A-Fa-f]{8,}\r?$", "convert it with `objcopy -I srec -O binary`"),
        (
            "words, whose bytes the machine may have swapped (hexdump, od -x)",
            r"\A0{7} +[0-9a-f]{4}(?: +[0-9a-f]{4})*+ *\r?$",
            "use `hexdump -C` or `od -A x -t x1`",
        ),
        (
            "characters and octal numbers (od -c, od -b)",
            r"\A0{7}(?: +(?:[0-3][0-7]{2}|\\[0abtnvfr]|[!-~]))+ *\r?$",
            "use `od -A x -t x1`",
        ),
        ("octal words (od)", r"\A0{7}(?: +[01][0-7]{5})+ *\r?$", "use `od -A x -t x1`"),
        (
            "a Buffer that Node has cut",
            r"\A\s*<Buffer (?:[0-9a-f]{2} )*\.\.\. \d+ more bytes?>",
            "print `buffer.toString('hex')`",
        ),
        ("a Buffer of Node as JSON", r'\A\s*\{\s*"type"\s*:\s*"Buffer"', "give the array of its `data` alone"),
        (
            "hex with an odd number of digits in a line",
            r"\A(?:[0-9a-fA-F]{2}){4,}[0-9a-fA-F]\r?$",
            "one is missing, or one is too many",
        ),
        ("bits (xxd -b)", r"\A0{8}: (?:[01]{8} ){2}", "use `xxd`"),
    )
)


def name_refused(text: str) -> str:
    """Return a sentence that names a text which is not read; "" if it is not in the table.

    Args:
        text: The beginning of a file.
    """
    return next((f"this is {name}: {advice}" for name, pattern, advice in _TABLE if pattern.search(text)), "")
