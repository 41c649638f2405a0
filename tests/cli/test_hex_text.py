"""Text that shows bytes is read in the forms in which people paste it, and those that are not read are named."""

import base64
import gzip
import re
from collections.abc import Callable
from io import BytesIO

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metaprotocol_cli.input import Input
from metaprotocol_cli.inspect.source import read_pieces
from metaprotocol_sdk import Direction

MESSAGE = bytes.fromhex("4152 0103 00000004 00000012 0000 0000 0000")


def read(text: str | bytes, form: str = "auto") -> bytes:
    data = text if isinstance(text, bytes) else text.encode()
    return b"".join(piece for _, piece in read_pieces(Input(BytesIO(data)), form))


def sides(text: str) -> dict[Direction | None, bytes]:
    found: dict[Direction | None, bytes] = {}
    for way, piece in read_pieces(Input(BytesIO(text.encode())), "auto"):
        found[way] = found.get(way, b"") + piece
    return found


FORMS = {
    "plain": "415201030000000400000012000000000000",
    "groups": "4152 0103 0000 0004 0000 0012 0000 0000 0000",
    "upper case": "41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00 00 00".upper(),
    "colons": "41:52:01:03:00:00:00:04:00:00:00:12:00:00:00:00:00:00",
    "hyphens": "41-52-01-03-00-00-00-04-00-00-00-12-00-00-00-00-00-00",
    "0x": "0x41, 0x52, 0x01, 0x03, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00",
    "comment": "# a heartbeat\n4152 0103 00000004 # id\n00000012 0000 0000 0000",
    "quoted digits": '"4152 0103 0000 0004" "0000 0012 0000 0000 0000"',
    "Node's Buffer": "<Buffer 41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00 00 00>",
    "base64": "QVIBAwAAAAQAAAASAAAAAAAA",
    "base64 in lines": "QVIBAwAA\nAAQAAAAS\nAAAAAAAA",
    "fromhex": 'bytes.fromhex("4152 0103 0000 0004 0000 0012 0000 0000 0000")',
    "Go's hex": 'message, _ := hex.DecodeString("415201030000000400000012000000000000")',
    "Node's hex": "Buffer.from('415201030000000400000012000000000000', 'hex');",
    # dumps with offsets
    "xxd": "00000000: 4152 0103 0000 0004 0000 0012 0000 0000  AR..............\n"
    "00000010: 0000                                     ..",
    "xxd -g1": "00000000: 41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00  AR..............\n"
    "00000010: 00 00                                            ..",
    "xxd -c 8": "00000000: 4152 0103 0000 0004  AR......\n00000008: 0000 0012 0000 0000  ........\n"
    "00000010: 0000                 ..",
    "hexdump -C": "00000000  41 52 01 03 00 00 00 04  00 00 00 12 00 00 00 00  |AR..............|\n"
    "00000010  00 00                                             |..|\n00000012",
    "od -t x1": "0000000 41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00\n0000020 00 00\n0000022",
    "od -A x -t x1z": "000000 41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00  >AR..............<\n"
    "000010 00 00                                            >..<\n000012",
    "od -A d -t x1": "0000000 41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00\n0000016 00 00\n0000018",
    "one line with an offset": "00000000  41 52 01 03 00 00 00 04  00 00 00 12 00 00 00 00 00 00",
    "gdb's x/xb": "0x7ffe0000:\t0x41\t0x52\t0x01\t0x03\t0x00\t0x00\t0x00\t0x04\n"
    "0x7ffe0008:\t0x00\t0x00\t0x00\t0x12\t0x00\t0x00\t0x00\t0x00\n0x7ffe0010:\t0x00\t0x00",
    "gdb's x/xb of a symbol": "0x7ffe0000 <buf>:\t0x41\t0x52\t0x01\t0x03\t0x00\t0x00\t0x00\t0x04\n"
    "0x7ffe0008 <buf+8>:\t0x00\t0x00\t0x00\t0x12\t0x00\t0x00\t0x00\t0x00\n0x7ffe0010 <buf+16>:\t0x00\t0x00",
    "Netty's LoggingHandler": "12:00:01 DEBUG [id: 0x1, L:/127.0.0.1:20880] READ: 18B\n"
    "         +-------------------------------------------------+\n"
    "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n"
    "+--------+-------------------------------------------------+----------------+\n"
    "|00000000| 41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00 |AR..............|\n"
    "|00000010| 00 00                                           |..              |\n"
    "+--------+-------------------------------------------------+----------------+",
    "with the mark of UTF-8": "\ufeff4152 0103 0000 0004 0000 0012 0000 0000 0000",
    "tcpdump -x": "\t0x0000:  4152 0103 0000 0004 0000 0012 0000 0000\n\t0x0010:  0000",
    "tcpdump -X": "\t0x0000:  4152 0103 0000 0004 0000 0012 0000 0000  AR..............\n"
    "\t0x0010:  0000                                     ..",
    "Wireshark copy": "0000   41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00   AR..............\n0010   00 00     ..",
    "tshark -x": "0000  41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00   AR..............\n"
    "0010  00 00                                             ..",
    "Wireshark follow": "00000000  41 52 01 03 00 00 00 04  00 00 00 12 00 00 00 00  AR...... ........\n"
    "00000010  00 00                                             ..",
    "PowerShell": "   Label: String (System.String) <4C1F1F1F>\n\n          Offset Bytes                   Ascii\n"
    "                 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\n          ------ ---------- -----\n"
    "0000000000000000 41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00 AR..............\n"
    "0000000000000010 00 00                                           ..",
    "hexyl": "┌────────┬─────────────────────────┬─────────────────────────┬────────┬────────┐\n"
    "│00000000│ 41 52 01 03 00 00 00 04 ┊ 00 00 00 12 00 00 00 00 │AR••⋄⋄⋄•┊⋄⋄⋄•⋄⋄⋄⋄│\n"
    "│00000010│ 00 00                   ┊                         │⋄⋄      ┊        │\n"
    "└────────┴─────────────────────────┴─────────────────────────┴────────┴────────┘",
    "xxd -e": "00000000: 03015241 04000000 12000000 00000000  AR..............\n"
    "00000010:     0000                             ..",
    "xxd -e -g2": "00000000: 5241 0301 0000 0400 0000 1200 0000 0000  AR..............\n"
    "00000010: 0000                                     ..",
    "base32": "IFJACAYAAAAAIAAAAAJAAAAAAAAAA===",
    "base32 in lines": "IFJACAYAAAAAIAAAA\nAJAAAAAAAAAA===\n",
    "SQL": "X'415201030000000400000012000000000000'",
    "underscores": "41_52_01_03_00_00_00_04_00_00_00_12_00_00_00_00_00_00",
    "percent signs": "%41%52%01%03%00%00%00%04%00%00%00%12%00%00%00%00%00%00",
    "colours of a terminal": "\x1b[0;32m4152 0103 0000 0004\x1b[0m 0000 0012 0000 0000 0000",
    "no-break spaces of a chat": "4152 0103 0000 0004 0000 0012 0000 0000 0000".replace(" ", "\u00a0"),
    "quotes of a word processor": "\u201c4152 0103 0000 0004 0000 0012 0000 0000 0000\u201d",
    "a block of Markdown": "```text\n4152 0103 0000 0004 0000 0012\n0000 0000 0000\n```",
    # source code and what programs print
    "Python literal": r"b'AR\x01\x03\x00\x00\x00\x04\x00\x00\x00\x12\x00\x00\x00\x00\x00\x00'",
    "Python bytearray": r"bytearray(b'AR\x01\x03\x00\x00\x00\x04\x00\x00\x00\x12\x00\x00\x00\x00\x00\x00')",
    "Python list": "[65, 82, 1, 3, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0]",
    "C string": '"AR\\001\\003\\0\\0\\0\\004"\n"\\0\\0\\0\\x12\\0\\0\\0\\0\\0\\0";',
    "Wireshark escaped string": '"\\x41\\x52\\x01\\x03\\x00\\x00\\x00\\x04" \\\n'
    '"\\x00\\x00\\x00\\x12\\x00\\x00\\x00\\x00\\x00\\x00"',
    "C array": "const uint8_t pkt[18] = { /* Packet 4 */\n0x41, 0x52, 0x01, 0x03, 0x00, 0x00, 0x00, 0x04, // id\n"
    "0x0, 0x0, 0x0, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 };",
    "xxd -i": "unsigned char message[] = {\n  0x41, 0x52, 0x01, 0x03, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x12,\n"
    "  0x00, 0x00, 0x00, 0x00, 0x00, 0x00\n};",
    "Go literal": "message := []byte{0x41, 0x52, 0x1, 0x3, 0x0, 0x0, 0x0, 0x4, 0x0, 0x0, 0x0, 0x12, 0, 0, 0, 0, 0, 0}",
    "Go %v": "[65 82 1 3 0 0 0 4 0 0 0 18 0 0 0 0 0 0]",
    "Java array": "byte[] message = new byte[] {(byte) 0x41, 82, 1, 3, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0};",
    "Rust array": "let message: [u8; 18] = [0x41, 0x52, 1, 3, 0u8, 0, 0, 4, 0, 0, 0, 0x12, 0, 0, 0, 0, 0, 0];",
    "Rust {:02x?}": "[41, 52, 01, 03, 00, 00, 00, 04, 00, 00, 00, 12, 00, 00, 00, 00, 00, 00]",
    "Rust {:x?}": "[41, 52, 1, 3, 0, 0, 0, 4, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0]",
    "JavaScript": "new Uint8Array([65, 82, 1, 3, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0, 0, 0, 0])",
    "Kotlin": "byteArrayOf(0x41, 0x52, 1, 3, 0, 0, 0, 4, 0, 0, 0, 0x12, 0, 0, 0, 0, 0, 0)",
    "Erlang": "<<65,82,1,3,0,0,0,4,0,0,0,18,0,0,0,0,0,0>>",
    "lines of an array": "65, 82, 1, 3, 0, 0, 0, 4,\n0, 0, 0, 18, 0, 0,\n0, 0, 0, 0,",
}  # fmt: skip
# Of all forms this one alone has nothing that tells its base: 41, 52, 1 may be decimal.
UNDECIDED = "Rust {:x?}"


@pytest.mark.parametrize("form", [form for form in FORMS if form != UNDECIDED])
def test_a_form_of_text_is_recognised_and_read(form: str) -> None:
    assert read(FORMS[form] + "\n") == MESSAGE
    assert read(FORMS[form]) == MESSAGE


def test_hex_letters_anywhere_tell_that_an_array_without_0x_is_hex() -> None:
    assert read("[41, 52, 1, 3, 0, 0, 0, fa]") == bytes.fromhex("41520103000000fa")
    assert read("[-38, -69, 127]") == bytes([0xDA, 0xBB, 0x7F])


@pytest.mark.parametrize(
    "data",
    [
        MESSAGE, b"\xda\xbb", b"GET / HTTP/1.1\r\n", b"*3\r\n$3\r\nSET\r\n", b"abc", b"4a 5g",
        b"220 mail (12), ready\r\n", b"set key 0 0 5\r\n",
        b'[1,"ping",1,0,{}]', b'{"a": 1, "b": [1, 2]}', b"ruok", b"CONNECT {}\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x00\x00\x00\x09\x82\x21\x00\x04ping\x00",
    ],
)  # fmt: skip
def test_streams_of_text_protocols_are_not_taken_for_hex(data: bytes) -> None:
    assert read(data) == data


REFUSED = {
    "PDML": '<?xml version="1.0"?>\n<pdml version="0">\n',
    "packets as JSON": '[\n  {\n    "_index": "packets",\n    "_source": {\n      "layers": {',
    "YAML": "peers:\n  - peer: 0\n    host: 127.0.0.1\npackets:\n",
    "packet details": "Frame 1: 74 bytes on wire (592 bits), 74 bytes captured\n",
    "packets as tcpdump prints them": "19:22:33.123456 IP a.40000 > b.20880: Flags [P.]\n\t0x0000:  4500",
    "Intel HEX": ":10010000214601360121470136007EFE09D2190140\n:00000001FF",
    "words": "0000000 5241 0301 0000 0400\n0000010",
    "od -c": "0000000   A   R 001 003  \\0  \\0\n0000006",
    "strings of source code": 'x := "\\xda\\u00fc"',
    "octal words": "0000000 051101 001401 000000 002000\n0000010",
    "a Buffer that Node has cut": "<Buffer 41 52 01 03 ... 401 more bytes>",
    "a Buffer of Node as JSON": '{"type":"Buffer","data":[65,82,1,3]}',
    "odd number of digits": "41520103000000040000001200000000000\n",
    "UTF-16": "4152 0103".encode("utf-16"),
    "bits": "00000000: 01000001 01010010 00000001  AR.",
    "bits, or hex of zeros and ones": "01000001 01010010 00000001 00000011",
    "the machine may have swapped (gdb)": "0x7ffe0000 <buf>:\t0x03015241\t0x04000000\n",
    "decimal numbers": "65 82 1 3 0 0 0 4 0 0 0 18 0 0 0 0 0 0",
    "octal escapes without quotes": r"\101\122\001\003\000",
    "an h after each byte": "41h 52h 01h 03h 00h",
    "a command whose output goes on": r"$ printf '\x41\x52\x01\x03' | nc 127.0.0.1 20880",
    "system calls": r'[pid 7] 12:00:01.5 recvfrom(7<TCP:[1]>, "AR\1\3"..., 8192, 0, NULL, NULL) = 18',
    "packets as ngrep prints them": "interface: lo\n#\nT 10.0.0.1:40000 -> 10.0.0.2:20880 [AP] #4\n  41 52",
    "traffic as socat prints it": "> 2024/05/01 12:00:01.000123  length=18 from=0 to=17\n 41 52 01 03",
    "a dump of netcat": "< 00000000 41 52 01 03 # AR..\n",
    "what openssl reads and writes": "read from 0x55d8 [0x55d9] (5 bytes => 5 (0x5))\n0000 - 16 03 03",
    "a Java array's identity": "[B@6d06d69c\n",
    "the state of a Netty buffer": "PooledUnsafeDirectByteBuf(ridx: 0, widx: 18, cap: 2048)",
    "the state of a Java buffer": "java.nio.HeapByteBuffer[pos=0 lim=18 cap=18]",
    "a Python object's identity": "<memory at 0x7f00>",
    "a table of psql": " payload \n---------\n \\x41520103\n(1 row)\n",
    "a table of mysql": "+------------+\n| payload    |\n+------------+\n| 0x41520103 |\n",
    "PEM": "-----BEGIN DATA-----\nQVIBAwAAAAQAAAASAAAAAAAA\n-----END DATA-----\n",
    "uuencoded text": "begin 644 dump\n205(! P``\n",
    "ascii85": "<~5uI^c!!!!%!!!!3z~>",
    "a data URL": "data:application/octet-stream;base64,QVIBAwAAAAQAAAASAAAAAAAA",
    "requests of a browser": '{"log": {"version": "1.2"}}',
    "a web page": "<!DOCTYPE html><html>sign in</html>",
    "hex after a time": "2024-05-01 12:00:01.123 41 52 01 03 00 00\n",
    "the text holds gzip data": base64.b64encode(gzip.compress(b"message")).decode(),
    "dump of whole packets": "0000  45 00 00 3a 00 00 40 00 40 06 7c bc 7f 00 00 01 7f 00 00 01 "
    "9c 40 51 90 00 00 00 01 00 00 00 00 50 18 ff ff 00 00 00 00 "
    "41 52 01 03 00 00 00 04 00 00 00 12 00 00 00 00 00 00\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_text_that_is_not_read_is_named_with_the_way_to_one_that_is(name: str) -> None:
    with pytest.raises(click.UsageError, match=re.escape(name)):
        read(REFUSED[name])


def test_a_line_that_is_no_hex_is_named() -> None:
    with pytest.raises(click.UsageError, match="line 2 is not hex text: 'zz'"):
        read("4152\nzz", "hex")


def test_half_a_byte_is_refused() -> None:
    with pytest.raises(click.UsageError, match="line 1"):
        read("415", "hex")


def test_the_star_of_hexdump_stands_for_the_rows_that_it_left_out() -> None:
    dump = "00000000  00 00 00 00  |....|\n*\n00000010  41 42  |AB|\n00000012\n"
    assert read(dump) == bytes(16) + b"AB"


def test_a_row_that_is_missing_is_refused() -> None:
    with pytest.raises(
        click.UsageError, match="line 2 begins at offset 00000020, and the rows before it end at 00000010"
    ):
        read("00000000: 4152 0103 0000 0004 0000 0012 0000 0000\n00000020: 0000\n")


@pytest.mark.parametrize("text", ["0000 41 52 01 03", "00000010  80 01 00 01"])
def test_a_first_column_that_may_be_an_offset_or_data_is_asked_for(text: str) -> None:
    with pytest.raises(click.UsageError, match="line 1 begins with an offset or with bytes"):
        read(text)


def test_the_rows_that_follow_in_wireshark_indents_are_those_of_the_server() -> None:
    assert sides("00000000  41 52 01  AR.\n    00000000  41 52 02  AR.\n00000003  ff  .\n    00000003  fe  .\n") == {
        Direction.TO_SERVER: bytes.fromhex("415201ff"),
        Direction.TO_CLIENT: bytes.fromhex("415202fe"),
    }


def test_the_follow_command_of_tshark_is_read_with_the_lines_around_it() -> None:
    around = "=" * 67
    text = (
        f"{around}\nFollow: tcp,hex\nFilter: tcp.stream eq 0\nNode 0: 127.0.0.1:40000\nNode 1: 127.0.0.1:20880\n"
        f"00000000  41 52 01                                          AR.\n"
        f"\t00000000  41 52 02                                          AR.\n{around}\n"
    )
    assert sides(text) == {Direction.TO_SERVER: b"AR\x01", Direction.TO_CLIENT: b"AR\x02"}


def test_the_arrays_of_wireshark_say_which_side_sent_them() -> None:
    text = "char peer0_0[] = { /* Packet 4 */\n0x41, 0x52 };\nchar peer1_0[] = { /* Packet 6 */\n0x41, 0x53 };\n"
    assert sides(text) == {Direction.TO_SERVER: b"AR", Direction.TO_CLIENT: b"AS"}


ROWS = (
    "00000000  41 52 01 03 00 00 00 04  00 00 00 12 00 00 00 00  |AR..............|",
    "00000010  00 00                                             |..|",
)
LOGS = {
    "logback": "2024-05-01 12:00:01.123 DEBUG com.acme.Codec - ",
    "ISO": "2024-05-01T12:00:01.123Z [worker-1] INFO wire: ",
    "a log of Kubernetes": "2024-05-01T12:00:01.123456789Z stdout F ",
    "journal": "May  1 12:00:01 host app[1234]: ",
    "docker compose": "app-1  | ",
    "klog": "I0501 12:00:01.123456    1234 codec.go:12] ",
    "Envoy": "[2024-05-01 12:00:01.123][12][debug][conn] [C3] ",
    "mail": "> ",
}


@pytest.mark.parametrize("log", LOGS)
def test_rows_are_read_in_the_lines_of_a_log(log: str) -> None:
    assert read("\n".join(LOGS[log] + row for row in ROWS)) == MESSAGE


@pytest.mark.parametrize("form", [MESSAGE.hex(), MESSAGE.hex(" "), MESSAGE.hex(":")])
@pytest.mark.parametrize("label", ["payload=", "DEBUG recv: ", "[C3] read 18: "])
def test_digits_after_a_label_are_read_in_the_lines_of_a_log(label: str, form: str) -> None:
    line = f"2024-05-01 12:00:01,123 {label}{form}\n"
    assert read(line + "2024-05-01 12:00:02 INFO connected\n" + line) == 2 * MESSAGE


def test_the_heading_and_other_lines_of_a_log_are_skipped() -> None:
    assert read("\n".join(["12:00:01.5 DEBUG Codec - received 18 bytes:", *ROWS, "12:00:02.5 INFO closed"])) == MESSAGE


def test_a_line_of_a_log_with_half_a_row_is_refused() -> None:
    log = LOGS["logback"]
    with pytest.raises(click.UsageError, match="line 3 has hex digits among other text"):
        read(f"{log}{ROWS[0]}\n{log}{ROWS[1]}\n{log}00000012  41 52 zz")


@pytest.mark.parametrize(("first", "second"), [("sent", "received"), ("Writing", "reading"), (">>", "<<")])
def test_a_log_of_both_directions_is_refused(first: str, second: str) -> None:
    lines = [f"2024-05-01 12:00:01 DEBUG {label}: {MESSAGE.hex()}" for label in (first, second)]
    with pytest.raises(click.UsageError, match="line 2 is of the other direction"):
        read("\n".join(lines))


def test_the_dumps_of_netty_of_both_directions_are_refused() -> None:
    dump = FORMS["Netty's LoggingHandler"]
    assert read(f"{dump}\n{dump}") == 2 * MESSAGE
    with pytest.raises(click.UsageError, match="give the dumps of READ or those of WRITE alone"):
        read(f"{dump}\n{dump.replace('READ', 'WRITE')}")


def test_digits_that_may_belong_to_a_log_s_thread_are_not_read_as_bytes() -> None:
    line = f"12:00:01.5 12345678 {MESSAGE.hex(' ')}"
    assert read(line) == line.encode()


def _xxd(data: bytes) -> str:
    rows = [data[at : at + 16] for at in range(0, len(data), 16)]
    return "\n".join(
        f"{16 * number:08x}: {row.hex(' ', 2):<39}  {''.join(chr(b) if 32 <= b < 127 else '.' for b in row)}"
        for number, row in enumerate(rows)
    )


def _hexdump(data: bytes) -> str:
    rows = [data[at : at + 16] for at in range(0, len(data), 16)]
    return "\n".join(
        f"{16 * number:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  "
        f"{''.join(chr(b) if 32 <= b < 127 else '.' for b in row)}"
        for number, row in enumerate(rows)
    )


WRITERS: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "colons": lambda data: data.hex(":"),
    "xxd": _xxd,
    "follow": _hexdump,
    "log": lambda data: "\n".join(LOGS["logback"] + row for row in _xxd(data).split("\n")),
    "Python": repr,
    "Java": lambda data: str([byte - 256 if byte > 127 else byte for byte in data]),
    "Go": lambda data: "[]byte{" + ", ".join(f"0x{byte:x}" for byte in data) + "}",
    "escapes": lambda data: '"' + "".join(f"\\x{byte:02x}" for byte in data) + '"',
}


@pytest.mark.parametrize("writer", WRITERS)
@given(data=st.binary(min_size=3, max_size=200))
@example(data=b" \x00!")
@example(data=b"   a")
def test_any_bytes_are_read_back_from_any_form(writer: str, data: bytes) -> None:
    text = WRITERS[writer](data)
    assert read(text + "\n") == data
    assert read(text + "\n", "hex") == data


@given(data=st.binary(min_size=10, max_size=200))
def test_bytes_are_read_back_from_base32(data: bytes) -> None:
    text = base64.b32encode(data).decode()
    if set(text) & set("234567="):
        assert read("\n".join(text[at : at + 30] for at in range(0, len(text), 30))) == data


@given(data=st.binary(min_size=30, max_size=200))
def test_bytes_are_read_back_from_base64(data: bytes) -> None:
    text = base64.encodebytes(data)
    if not set(text.decode()) <= set("0123456789abcdefABCDEF\n"):
        assert read(text) == data


_PARTS = st.sampled_from(
    ["0x41", "41", "0000", "00000010", ":", "  ", " ", ",", "[", "]", "{", "}", "(", ")", "\n", '"', "'", "\\x41", "\\",
     "b'", "*", "|", "-38", "218", "AR", "#", "/*", "*/", "//", ";", "byte", "peer1_0", "QVIB", "=", "\t", "ü",
     "12:00:01.5 ", "app | ", "> ", "DEBUG recv: ", "03015241", "IFJACAYA", "\x1b[0m", "```"]
)  # fmt: skip


@given(st.lists(_PARTS, max_size=40).map("".join), st.sampled_from(["auto", "hex"]))
def test_any_text_is_read_or_refused_in_a_sentence(text: str, form: str) -> None:
    message = ""
    try:
        read(text, form)
    except click.UsageError as error:
        message = error.message
    assert message.startswith(("line ", "the text ", "this is ")) or not message


def test_a_row_of_any_length_is_read_without_its_offset() -> None:
    assert read("00000000  " + "41  " * 15_000) == b"A" * 15_000
