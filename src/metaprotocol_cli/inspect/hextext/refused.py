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
        ("bits, or hex of zeros and ones alone", r"\A(?:[01]{8} ){3,}[01]{8}\s*$", "write hex without blanks"),
        (
            "words, whose bytes the machine may have swapped (gdb)",
            r"\A\s*0x[0-9a-f]{4,16}(?: <[^<>]*>)?:\s+0x(?:[0-9a-f]{4}){1,4}\b",
            "use `x/64xb` for 64 bytes",
        ),
        ("decimal numbers", r"\A(?=.*\b(?:\d|\d{3}) )(?:\d{1,3} ){7,}\d{1,3} *\r?$", "put brackets around them"),
        (
            "hex after a time, which may be hex, too",
            r"\A\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,\dZ]* +(?:[0-9a-fA-F]{2}[ :]?){4,}\r?$",
            "leave the time out",
        ),
        ("octal escapes without quotes", r"\A(?:\\[0-7]{3}){4,}", "put quotes around them"),
        ("hex with an h after each byte", r"\A(?:[0-9A-Fa-f]{2}h[ ,]+){4}", "leave the h out, as with `tr -d h`"),
        (
            "a command whose output goes on",
            r"\A\s*\$?\s*(?:printf|echo)\b[^\n]*['\"]\s*(?:\||>)",
            "give what is in quotes alone, and the quotes",
        ),
        (
            "system calls (strace)",
            r"\A(?:\[pid +\d+\] )?(?:[\d:.]+ +){0,2}(?:p?(?:read|write)v?(?:64)?|(?:recv|send)\w*)\(\d+(?:<[^>]*>)?, ",
            "run `strace -xx -s 1000000` and give the strings of one direction alone",
        ),
        (
            "packets as ngrep prints them",
            r"\A(?:interface: .*\n(?s:.)*?)?[TU] \S+:\d+ -> \S+:\d+ ",
            "use `ngrep -O FILE`",
        ),
        (
            "traffic as socat prints it",
            r"\A[<>] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d+ +length=\d+ ",
            "run socat with `-r FILE1 -R FILE2`, which write the bytes of each direction, or use `metaprotocol record`",
        ),
        ("a dump of netcat (nc -o)", r"\A[<>] [0-9a-f]{8} (?:[0-9a-f]{2} )+ *# ", "use `metaprotocol record`"),
        (
            "what openssl reads and writes, which is encrypted",
            r"\A(?:read from|write to) 0x[0-9a-f]+ ",
            "use `metaprotocol record` where the bytes are plain",
        ),
        ("a Java array's identity, not its bytes", r"\A\[B@[0-9a-f]+\s*\Z", "print `HexFormat.of().formatHex(array)`"),
        (
            "the state of a Netty buffer, not its bytes",
            r"\A\w*ByteBuf\w*\(.*ridx: ",
            "print `ByteBufUtil.hexDump(buffer)`",
        ),
        (
            "the state of a Java buffer, not its bytes",
            r"\A(?:java\.nio\.)?\w*ByteBuffer\w*\[pos=",
            "print `HexFormat.of().formatHex(buffer.array())`",
        ),
        ("a Python object's identity, not its bytes", r"\A<memory at 0x", "print `data.hex()`"),
        ("a table of psql", r"\A[^\n]*\n-[-+]+\s*\n\s*\\x[0-9a-f]", "use `psql -At`"),
        ("a table of mysql", r"\A\+-+(?:\+-+)*\+\s*\n\| ", "use `mysql -N -B` and `SELECT HEX(column)`"),
        ("PEM", r"\A-----BEGIN [A-Z0-9 ]+-----", "give the base64 between the two lines alone"),
        ("uuencoded text", r"\Abegin(?:-base64)? [0-7]{3,4} \S", "decode it with `uudecode -o FILE`"),
        ("ascii85", r"\A<~[!-uz\s]+", "decode it with Python's `base64.a85decode`"),
        ("a data URL", r"\Adata:[\w/+.-]*;base64,", "give the base64 after the comma alone"),
        ("requests of a browser (HAR)", r'\A\s*\{\s*"log":\s*\{\s*"(?:version|creator)"', _CAPTURE),
        ("a web page", r"(?i)\A\s*<(?:!doctype html|html)\b", "it may be a login page instead of the recording"),
    )
)


def name_refused(text: str) -> str:
    """Return a sentence that names a text which is not read; "" if it is not in the table.

    Args:
        text: The beginning of a file.
    """
    return next((f"this is {name}: {advice}" for name, pattern, advice in _TABLE if pattern.search(text)), "")
