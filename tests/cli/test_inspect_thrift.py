"""`metaprotocol inspect --codec thrift`, with and without an interface definition."""

import json
import sys

import pytest
from click.testing import CliRunner
from thrift_messages import CALL, CODEC, SERVER, compact, framed, hx, message
from thrift_values import written

from metaprotocol_cli import main

DEFINITION = """
include "shared.thrift"
enum Color { RED = 1 }
struct Node { 1: Color color, 2: optional Node after, 3: list<Node> others, 4: map<string, shared.Pair> pairs }
exception Oops { 1: string why }
service Base { void ping() }
service Painter extends Base {
  Node paint(1: Node node, 2: binary raw, 3: set<i64> numbers, 4: bool wet) throws (1: Oops oops),
  oneway void forget(1: double since)
}
"""


def inspect(*arguments, data=None):
    return CliRunner().invoke(main, ["inspect", "--codec", "thrift", *map(str, arguments)], input=data)


@pytest.fixture
def definition(tmp_path):
    (tmp_path / "shared.thrift").write_text("struct Pair { 1: i32 left, 2: i16 right }", "utf-8")
    path = tmp_path / "painter.thrift"
    path.write_text(DEFINITION, "utf-8")
    return path


def spans(result):
    (row,) = [json.loads(line) for line in result.stdout.splitlines()]
    return {span["name"]: (span["value"], span["meaning"]) for span in row["spans"] if "." in span["name"]}


FIELDS = [
    (1, 12, [(1, 8, 1), (2, 12, []), (3, 15, (12, [[(1, 8, 7)]])), (4, 13, (11, 12, [("k", [(1, 8, 5), (2, 6, 6)])]))]),
    (2, 11, "raw"),
    (3, 14, (10, [1, 2])),
    (4, 2, True),
]


@pytest.mark.parametrize("protocol", ["binary", "compact"])
def test_arguments_have_the_names_and_types_of_the_definition(definition, protocol):
    data = framed(written(protocol, "paint", 1, 5, FIELDS))
    assert spans(inspect("--idl", definition, "--json", "-v", "-", data=data)) == {
        "arguments.node": (
            "{color: RED, after: {}, others: [{color: 7}], pairs: {'k': {left: 5, right: 6}}}",
            "Node",
        ),
        "arguments.raw": ("'raw'", "binary"),
        "arguments.numbers": ("{1, 2}", "set<i64>"),
        "arguments.wet": ("true", "bool"),
    }


def test_results_and_exceptions_too(definition):
    result = framed(written("binary", "paint", 2, 5, [(0, 12, [(1, 8, 1)])]))
    oops = framed(written("binary", "paint", 2, 5, [(1, 12, [(1, 11, "wet")])]))
    arguments = ("--idl", definition, "--json", "-v", "--direction", "to-client", "-")
    assert spans(inspect(*arguments, data=result)) == {"result.success": ("{color: RED}", "Node")}
    assert spans(inspect(*arguments, data=oops)) == {"result.oops": ("{why: 'wet'}", "Oops")}


def test_multiplexed_methods_are_found_and_methods_that_are_not_there_keep_ids(definition):
    forget = framed(written("binary", "Registered:forget", 4, 0, [(1, 4, 0.5)]))
    assert spans(inspect("--idl", definition, "--json", "-v", "-", data=forget)) == {
        "arguments.since": ("0.5", "double")
    }
    echo = message(("framed", "strict"), CALL)
    assert spans(inspect("--idl", definition, "--json", "-v", "-", data=echo)) == {"arguments.1": ("'hi'", "string")}


def test_methods_of_a_service_that_another_one_extends_are_found(tmp_path):
    path = tmp_path / "both.thrift"
    path.write_text("service Base { i32 add(1: i32 a) } service More extends Base { void other() }", "utf-8")
    data = framed(written("compact", "add", 1, 0, [(1, 8, 3)]))
    assert spans(inspect("--idl", path, "--json", "-v", "-", data=data)) == {"arguments.a": ("3", "i32")}


def test_a_method_that_two_services_have_alike_is_named(tmp_path):
    path = tmp_path / "two.thrift"
    path.write_text("service A { i32 add(1: list<i32> a) } service B { i32 add(1: list<i32> a) }", "utf-8")
    data = framed(written("compact", "add", 1, 0, [(1, 15, (8, [3]))]))
    assert spans(inspect("--idl", path, "--json", "-v", "-", data=data)) == {"arguments.a": ("[3]", "list<i32>")}


def test_without_a_definition_there_are_ids_and_types():
    shown = spans(inspect("--json", "-v", "-", data=framed(written("binary", "paint", 1, 5, FIELDS))))
    assert shown["arguments.2"] == ("'raw'", "string")
    assert shown["arguments.1"][1] == "struct"
    assert set(shown) == {f"arguments.{number}" for number in (1, 2, 3, 4)}


def test_the_table_and_the_dump_show_them(definition):
    result = inspect("--idl", definition, "-v", "-", data=framed(written("binary", "paint", 1, 5, FIELDS)))
    assert result.exit_code == 0
    assert "0  → request         5" in result.stdout
    assert "arguments.wet" in result.stdout
    assert "(set<i64>)" in result.stdout


def test_a_codec_that_is_not_thrift_takes_no_definition(definition):
    result = CliRunner().invoke(main, ["inspect", "--codec", "dubbo", "--idl", str(definition), "-"])
    assert result.exit_code == 2
    assert "--idl is for --codec thrift; the codec dubbo takes no interface definition" in result.stderr


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("service X {", "Grammar error"),
        ("struct A { 1: Foo x }", "No type found: 'Foo'"),
        ('include "absent.thrift"', "Couldn't include"),
        ("struct A { 1: i32 x }", "defines no service"),
    ],
)
def test_a_file_that_is_no_definition_is_a_usage_error(tmp_path, text, what):
    path = tmp_path / "bad.thrift"
    path.write_text(text, "utf-8")
    result = inspect("--idl", path, "-", data=b"")
    assert result.exit_code == 2
    assert what in result.stderr
    assert "Traceback" not in result.output


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path):
    assert inspect("--idl", tmp_path / "absent.thrift", "-").exit_code == 2


def test_without_thriftpy2_the_extra_that_brings_it_is_named(definition, monkeypatch):
    monkeypatch.setitem(sys.modules, "thriftpy2.parser.parser", None)
    result = inspect("--idl", definition, "-", data=b"")
    assert result.exit_code == 2
    assert "pip install 'metaprotocol-sdk[thrift]'" in result.stderr


def test_the_option_idl_names_fields_and_refuses_what_is_not_of_the_definition(definition):
    forget = framed(written("binary", "forget", 4, 0, [(1, 4, 0.5)]))
    arguments = ("--option", f"idl={definition}", "--json", "-v", "-")
    assert spans(inspect(*arguments, data=forget)) == {"arguments.since": ("0.5", "double")}
    result = inspect(*arguments, data=framed(written("binary", "forget", 4, 0, [(1, 8, 5)])))
    assert result.exit_code == 1
    assert "since is i32 on the wire, and double in the interface definition" in result.stdout


@pytest.mark.parametrize("options", [["transport=buffered"], ["protocol=xml"], ["idl=x.thrift"]])
def test_options_that_cannot_be_are_usage_errors(options):
    result = inspect("--option", *options, "-", data=b"")
    assert result.exit_code != 0
    assert "Traceback" not in result.output


def test_options_pin_transport_and_protocol():
    data = compact(CALL, "m", 0, hx("00"))
    assert inspect("--option", "transport=unframed", "-", data=data).exit_code == 0
    assert inspect("--option", "transport=framed", "-", data=data).exit_code == 1
    assert inspect("--option", "trust_frames=true", "-", data=framed(data * 2)).exit_code == 0
    assert inspect("-", data=framed(data * 2)).exit_code == 1


def test_examples_of_the_codec_can_all_be_shown():
    for direction, data in CODEC.examples():
        which = "to-server" if direction is SERVER else "to-client"
        result = inspect("-v", "--format", "raw", "--direction", which, "-", data=data)
        assert result.exit_code == 0
        assert "unreadable" not in result.output


def test_bytes_that_are_no_thrift_end_with_a_hint():
    result = inspect("--format", "raw", "-", data=b"GET / HTTP/1.1\r\n\r\n")
    assert result.exit_code == 1
    assert "; these bytes look like HTTP/1" in result.stderr
