"""Whatever header is described, the project speaks it: the headers are invented by hypothesis."""

import ast
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import AWKWARD, imported, make

from metaprotocol_cli.new.fields import Field
from metaprotocol_cli.new.names import Names
from metaprotocol_cli.new.problems import AnswersError
from metaprotocol_cli.new.protocol import COUNTS, KINDS, Protocol, SplitId
from metaprotocol_cli.new.render import context, render, write
from metaprotocol_cli.new.source import protocol_values
from metaprotocol_sdk import Codec, Direction, ErrorType, MessageDecoder, Mutation
from metaprotocol_sdk import Error as SdkError

NAMES = Names.of("acme")
sizes = st.sampled_from([1, 2, 4, 8])
# Names that the generated code, or Python, uses itself are as good as any.
USED = """
    id type str len size code kind message metadata direction self answers failed error key value service request_id
    build answer sizes headers block_end headers_size reply text user a b_1 print list match
"""
names = st.sampled_from(USED.split())
numbers = st.lists(st.integers(0, 255), min_size=10, max_size=10, unique=True)


@st.composite
def protocols(draw: st.DrawFn) -> Protocol:
    """Draw a protocol: some fields, of which some have a role."""
    fields = [Field(name, draw(sizes)) for name in draw(st.lists(names, min_size=1, max_size=8, unique=True))]
    roles = draw(st.permutations(["id", "type", "status", "operation", "headers", "none", "none"]))
    used = dict(zip(["length", *roles], [field.name for field in fields], strict=False))
    used.pop("none", None)
    if draw(st.booleans()):
        fields.append(Field("blob", draw(st.integers(1, 20)), raw=True))
    if draw(st.booleans()):
        fields.insert(draw(st.integers(0, len(fields))), Field("version", 2, constant=draw(st.integers(0, 65535))))
    summed: tuple[str, ...] = ()
    if "headers" not in used:
        free = [field.name for field in fields if field.is_integer and field.constant is None]
        free = [name for name in free if name not in used.values()]
        summed = tuple(draw(st.lists(st.sampled_from(free), unique=True))) if free else ()
    split_id = None
    if used.keys() <= {"length"} and draw(st.booleans()):
        end = 4 + sum(field.size for field in fields)  # the magic has at most two bytes
        places = st.integers(end, end + 20)
        split_id = SplitId(draw(places), draw(places), draw(st.sampled_from([2, 4, 8])))
    values = draw(numbers)
    kinds = ["request", "response", *draw(st.lists(st.sampled_from(KINDS[2:]), unique=True))]
    if "heartbeat_response" in kinds and "heartbeat" not in kinds:
        kinds.append("heartbeat")
    statuses = ["ok", *draw(st.lists(st.sampled_from(["no_route", "busy", "other", "x"]), min_size=1, unique=True))]
    return Protocol(
        draw(st.sampled_from([b"", b"A", b"\xff\0", b'"\\', b"\r\n'"])),
        draw(st.sampled_from(["big", "little"])),
        tuple(fields),
        used,
        draw(st.sampled_from(COUNTS)),
        dict(zip(kinds, values, strict=False)) if "type" in used else {},
        dict(zip(statuses, values, strict=False)) if "status" in used else {},
        summed,
        draw(st.booleans()),
        split_id,
    )


def files_of(protocol: Protocol) -> dict[str, bytes]:
    return render(context(NAMES, protocol_values(protocol)))


few = settings(max_examples=settings.default.max_examples // 3)  # each writes a project and imports it


@given(protocols())
def test_all_python_in_the_project_is_sound_and_narrow(protocol: Protocol) -> None:
    for path, content in files_of(protocol).items():
        if path.endswith(".py"):
            text = content.decode()
            ast.parse(text)
            assert max(map(len, text.splitlines()), default=0) <= 120


@pytest.mark.parametrize("name", AWKWARD, ids=lambda name: name[:10])
def test_the_python_of_a_project_with_long_names_is_narrow_too(name: str, tmp_path: Path) -> None:
    for path in make(tmp_path, name, *AWKWARD[name]).rglob("*.py"):
        assert max(map(len, path.read_text("utf-8").splitlines()), default=0) <= 120


@few
@given(protocols())
def test_the_request_that_is_written_by_hand_is_read_by_the_codec(protocol: Protocol) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = write(files_of(protocol), Path(folder), NAMES.project)
        with imported(project):
            test = {}
            exec((project / "tests" / "test_codec.py").read_text("utf-8"), test)
            test["test_a_request_is_read"]()


@few
@given(protocols())
def test_the_first_examples_are_a_request_and_a_response_that_succeeded(protocol: Protocol) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = write(files_of(protocol), Path(folder), NAMES.project)
        with imported(project) as package:
            codec = package.AcmeCodec()
            first = [codec.decode(message, direction) for direction, message in codec.examples()][:2]
    assert [metadata.message_type for metadata in first] == ["request", "response"]


@few
@given(protocols().filter(lambda protocol: "status" in protocol.roles))
def test_only_a_codec_with_one_number_for_all_errors_is_excused_from_telling_them_apart(protocol: Protocol) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = write(files_of(protocol), Path(folder), NAMES.project)
        with imported(project) as package:
            codec = package.AcmeCodec()
            request = next(codec.decode(message, direction) for direction, message in codec.examples())
            replies = [codec.on_error(request, SdkError(reason, "")) for reason in ErrorType]
            numbers = {codec.decode(reply, Direction.TO_CLIENT).status_code for reply in replies}
        excused = "MP-REPLY-007" in (project / "tests" / "test_conformance.py").read_text("utf-8")
    assert excused is (len(numbers) == 1)


def check_messages(codec: Codec) -> None:
    for direction, message in codec.examples():
        (metadata,) = MessageDecoder(codec, direction).feed(message)
        assert codec.encode(metadata, Mutation()) == message
        spans = codec.spans(metadata)
        assert b"".join(message[span.start : span.end] for span in spans) == message
        assert codec.encode(metadata, Mutation(), metadata.request_id) == message
        if type(codec).on_error is not Codec.on_error:
            reply = codec.on_error(metadata, SdkError(ErrorType.TIMEOUT, "too late"))
            assert bool(reply) is metadata.expects_reply
            for answer in MessageDecoder(codec, Direction.TO_CLIENT).feed(reply):
                assert (answer.message_type, answer.request_id) == ("exception", metadata.request_id)


@few
@given(protocols())
def test_its_examples_are_read_written_shown_and_answered(protocol: Protocol) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = write(files_of(protocol), Path(folder), NAMES.project)
        with imported(project) as package:
            check_messages(package.AcmeCodec())


@few
@given(protocols())
def test_the_page_has_the_fields_that_the_layout_has(protocol: Protocol) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = write(files_of(protocol), Path(folder), NAMES.project)
        with imported(project) as package:
            layout = package.AcmeCodec.layout
        page = (project / "docs" / "protocol.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\w+) \|", page, re.MULTILINE)
    assert rows == [(str(field.offset), str(field.size), field.name) for field in layout.fields]
    if any(field.is_integer and field.size > 1 for field in protocol.fields):  # of one byte there is no order
        assert f"{layout.byte_order} endian" in page


@given(st.text(), st.text())
def test_any_text_is_a_field_or_is_refused(text: str, meaning: str) -> None:
    for given_text in (text, f"id:4:{meaning}"):
        try:
            field = Field.parse(given_text)
        except AnswersError:
            continue
        protocol = Protocol(b"", "big", (field, Field("length", 2)), {"length": "length"}, "rest", {}, {})
        for path, content in files_of(protocol).items():
            if path.endswith(".py"):
                ast.parse(content.decode())
