"""`metaprotocol dissector` writes what Wireshark reads as our decoder does."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from captures import SERVER_PORT, write_pieces
from click.testing import CliRunner
from construct import Bytes, Const, Enum, FlagsEnum, Int8ub, Int16ul, Int32ul, Struct
from patience import PATIENCE
from projects import AWKWARD, imported, make
from required import require

from metaprotocol_cli import main
from metaprotocol_cli.dissector.length import DissectorError, LengthRule, Term, length_rule
from metaprotocol_cli.dissector.lua import render
from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import (
    Codec,
    Direction,
    FramingError,
    HeaderLength,
    Layout,
    LongerHeader,
    MessageType,
    Metadata,
)

VECTORS = Path(__file__).parents[1] / "vectors"
WAYS = {Direction.TO_SERVER: "c2s", Direction.TO_CLIENT: "s2c"}


def tshark(script: str, capture: Path, *arguments: str) -> str:
    program = shutil.which("tshark")
    if program is None:
        require("tshark", "tshark is not installed")
    lua = capture.with_suffix(".lua")
    lua.write_text(script, "utf-8")
    command = [program, "-X", f"lua_script:{lua}", "-r", str(capture), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True, timeout=PATIENCE)
    assert "Lua" not in done.stdout + done.stderr.replace(str(lua), "")
    return done.stdout


def fields(script: str, capture: Path, *names: str) -> list[tuple[str, ...]]:
    """Return the values of fields, a tuple for each message that has them."""
    arguments = ["-T", "fields", "-E", "aggregator=|"]
    for name in names:
        arguments += ["-e", name]
    rows = [line.split("\t") for line in tshark(script, capture, *arguments).splitlines() if line.strip()]
    return [values for row in rows for values in zip(*(cell.split("|") for cell in row), strict=True)]


def script_of(codec: Codec) -> str:
    return render(codec, length_rule(codec), [SERVER_PORT])


def streams(folder: Path, name: str) -> list[tuple[str, bytes]]:
    return [(way, (folder / f"{name}.{way}.bin").read_bytes()) for way in WAYS.values()]


@pytest.mark.parametrize("segment", [7, 100, 1460], ids="in segments of {}".format)
@pytest.mark.parametrize("name", ["java27-pipeline", "java27-heartbeat", "java27-generic"])
def test_messages_of_dubbo_are_found_however_they_are_split(name: str, segment: int, tmp_path: Path) -> None:
    capture = tmp_path / "trace.pcap"
    pieces = streams(VECTORS / "dubbo", name)
    write_pieces(capture, pieces, segment)
    expected = [
        (str(int.from_bytes(message[4:12])), str(message[3]), str(len(message) - 16))
        for way, data in pieces
        for message in messages(DubboCodec(), way, data)
    ]
    assert fields(script_of(DubboCodec()), capture, "dubbo.request_id", "dubbo.status", "dubbo.length") == expected


def messages(codec: Codec, way: str, data: bytes) -> list[bytes]:
    from metaprotocol_sdk import MessageDecoder

    direction = Direction.TO_SERVER if way == "c2s" else Direction.TO_CLIENT
    return [metadata.message for metadata in MessageDecoder(codec, direction).feed(data)]


def test_the_names_of_values_and_the_ids_are_in_the_list_of_packets(tmp_path: Path) -> None:
    capture = tmp_path / "trace.pcap"
    write_pieces(capture, streams(VECTORS / "awesomerpc", "example"))
    lines = tshark(script_of(AwesomeRpcCodec()), capture)
    assert "AWESOMERPC" in lines
    assert "request, ok, id 1; " in lines or "request, id 1, ok; " in lines


@pytest.mark.parametrize("name", ["acme-rpc", *AWKWARD])
def test_a_generated_project_is_dissected(name: str, tmp_path: Path) -> None:
    project = make(tmp_path, name, *AWKWARD.get(name, []))
    with imported(project) as package:
        codec = next(
            value() for value in vars(package).values() if isinstance(value, type) and issubclass(value, Codec)
        )
        examples = list(codec.examples())
        capture = tmp_path / "trace.pcap"
        write_pieces(capture, [(WAYS[direction], message) for direction, message in examples], 5)
        shown = tshark(script_of(codec), capture, "-V")
        assert shown.count(f"\n{name} (MetaProtocol SDK)") == len(examples)
        assert "do not begin a message" not in shown
        assert codec.layout is not None
        numbers = [field for field in codec.layout.variables if field.is_integer]
        for field in numbers[:3]:
            found = fields(script_of(codec), capture, f"{name}.{field.name}")
            at = field.offset
            expected = [int.from_bytes(m[at : at + field.size], codec.layout.byte_order) for _, m in examples]
            assert [int(value) for (value,) in found] == expected


def test_bytes_between_messages_and_the_beginning_of_a_message_that_is_cut_are_shown(tmp_path: Path) -> None:
    capture = tmp_path / "trace.pcap"
    message = AwesomeRpcCodec().build(3, 9, 0)
    write_pieces(capture, [("c2s", b"garbage" + message + b"A")])
    shown = tshark(script_of(AwesomeRpcCodec()), capture, "-V")
    assert "bytes that do not begin a message: 67617262616765" in shown
    assert "request_id: 9" in shown
    write_pieces(capture, [("c2s", AwesomeRpcCodec().build(0, 7, 1, payload=bytes(2000)))])
    cut = capture.with_name("cut.pcap")
    subprocess.run(["editcap", "-s", "80", capture, cut], check=True, timeout=PATIENCE)
    assert "request_id: 7" in tshark(script_of(AwesomeRpcCodec()), cut, "-V")


class Bolt(Codec):
    """Three lengths that are added up, a small header for heartbeats, flags, and a field whose name Lua uses."""

    name = "thrift"  # Wireshark has a dissector of this name
    layout = Layout(
        Struct(
            "magic" / Const(b"BO"),
            "type" / Enum(Int8ub, call=1, reply=2),
            "end" / FlagsEnum(Int8ub, urgent=1, last=0x80),
            "body" / Int16ul,
            "headers" / Int16ul,
            "extra" / Int8ub,
            "id" / Int32ul,
            "rest" / Bytes(2),
        )
    )

    @staticmethod
    def _total(header: bytes) -> int:
        if header[2] not in (1, 2):
            raise FramingError("an unknown type", offset=2)
        return 15 + int.from_bytes(header[4:6], "little") + int.from_bytes(header[6:8], "little") + 4 * header[8]

    framing = HeaderLength(9, _total, magic=b"BO")

    def decode(self, message: bytes, direction: Direction) -> Metadata:
        return Metadata(message, MessageType.REQUEST)


def test_the_sum_that_a_header_length_computes_is_found() -> None:
    assert length_rule(Bolt()) == LengthRule(9, 15, (Term(4, 2), Term(6, 2), Term(8, 1, 4)), "little")


def test_a_sum_of_fields_flags_and_a_name_that_is_taken_are_dissected(tmp_path: Path) -> None:
    capture = tmp_path / "trace.pcap"
    first = bytes.fromhex("424f 01 81 0300 0200 01 07000000 aabb") + bytes(9)
    second = bytes.fromhex("424f 02 01 0000 0100 00 08000000 aabb") + bytes(1)
    write_pieces(capture, [("c2s", first + second)], 6)
    names = ("thrift-mp.type", "thrift-mp.id", "thrift-mp.header_body", "thrift-mp.end.last", "thrift-mp.end.urgent")
    assert fields(script_of(Bolt()), capture, *names) == [("1", "7", "3", "1", "1"), ("2", "8", "0", "0", "1")]


class Squared(Bolt):
    framing = HeaderLength(9, lambda header: 15 + header[8] ** 2, magic=b"BO")


class Growing(Bolt):
    framing = HeaderLength(9, lambda header: LongerHeader(12), magic=b"BO")


class Unlaid(Bolt):
    layout = None


@pytest.mark.parametrize(
    ("codec", "fault"),
    [(Squared, "is not a sum"), (Growing, "is not a sum"), (Unlaid, "has no layout")],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_length_that_is_not_a_sum_of_fields_is_refused(codec: type[Codec], fault: str) -> None:
    with pytest.raises(DissectorError, match=fault):
        length_rule(codec())


def run(arguments: Sequence[str]) -> Iterable[object]:
    result = CliRunner().invoke(main, ["dissector", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_the_command_prints_the_script_with_its_ports() -> None:
    code, script, _ = run(["dubbo", "--port", "20880", "--port", "20881"])
    assert code == 0
    assert str(script).endswith("ports:add(20880, protocol)\nports:add(20881, protocol)\n")


def test_a_codec_that_scans_is_refused_with_the_reason() -> None:
    code, _, complaint = run(["thrift"])
    assert code == 2
    assert "with a scanner of its own (ThriftFraming), which cannot be translated" in str(complaint)
