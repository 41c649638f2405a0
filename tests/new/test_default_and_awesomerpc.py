"""The default project's codec is AwesomeRPC's, but for what is said here: a bug mended in one is mended in both."""

from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metaprotocol_codecs.awesomerpc import AwesomeRpcCodec
from metaprotocol_sdk import Codec, Direction, EncodeError, Error, MessageDecoder, Metadata, Mutation
from metaprotocol_sdk.testing import strategies

AWESOMERPC = Path(__file__).parents[2] / "src" / "metaprotocol_codecs" / "awesomerpc"

# A property is called as its field is.
PROPERTY = {"cmd": "command"}
# A type is looked up by its number, which need not be the last of a row.
WORDING = {"; the last is 4": ""}

codec = AwesomeRpcCodec()
texts = st.text(max_size=8)
keys = texts.filter(lambda key: key not in ("cmd", "command"))
messages = st.builds(
    codec.build,
    st.integers(0, 4),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
    st.sampled_from([0, 1, 7, 255, 999]),
    st.dictionaries(keys.filter(bool), texts, max_size=3),
    st.binary(max_size=8),
)
streams = messages.flatmap(lambda data: st.just(data) | strategies.damaged(data))
on_every_message = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def generated(default_package: ModuleType) -> Codec:
    return default_package.AcmeRpcCodec()


def facts(metadata: Metadata) -> tuple[object, ...]:
    """Return all that a codec says of a message, in the generated codec's words."""
    properties = {PROPERTY.get(key, key): value for key, value in metadata.properties.items()}
    error = str(metadata.error)
    for old, new in WORDING.items():
        error = error.replace(old, new)
    bare = metadata.clone()
    bare.properties, bare.error = {}, None
    return bare, properties, error, type(metadata.error)


def outcome(function, *arguments):
    """Return what a function returns, or which error it raises."""
    try:
        return function(*arguments)
    except EncodeError as error:
        return type(error)


@on_every_message
@given(stream=streams, direction=strategies.directions())
def test_they_read_the_same_of_any_bytes(generated: Codec, stream: bytes, direction: Direction) -> None:
    ours, theirs = MessageDecoder(codec, direction), MessageDecoder(generated, direction)
    assert list(map(facts, theirs.feed(stream))) == list(map(facts, ours.feed(stream)))
    assert str(theirs.stream_error) == str(ours.stream_error)
    assert theirs.buffered == ours.buffered


@on_every_message
@given(stream=streams, changes=st.dictionaries(keys, st.none() | texts), request_id=st.none() | st.integers(-1, 2**32))
def test_they_write_the_same(generated: Codec, stream: bytes, changes: dict[str, str | None], request_id) -> None:
    for ours in MessageDecoder(codec, Direction.TO_SERVER).feed(stream):
        (theirs,) = MessageDecoder(generated, Direction.TO_SERVER).feed(ours.message)
        mutation = Mutation(changes)
        assert outcome(generated.encode, theirs, mutation, request_id) == outcome(
            codec.encode, ours, mutation, request_id
        )
        assert generated.spans(theirs) == codec.spans(ours)


@on_every_message
@given(message=messages, error=st.builds(Error, strategies.error_types(), texts, st.none() | st.integers(-1, 2**16)))
def test_they_answer_the_same(generated: Codec, message: bytes, error: Error) -> None:
    ours, theirs = codec.decode(message, Direction.TO_SERVER), generated.decode(message, Direction.TO_SERVER)
    assert outcome(generated.on_error, theirs, error) == outcome(codec.on_error, ours, error)
    assert generated.heartbeat_reply(theirs) == codec.heartbeat_reply(ours)
    assert generated.error_type(theirs) is codec.error_type(ours)


def test_a_field_is_no_header_under_its_own_name(generated: Codec) -> None:
    for subject, name in ((codec, "cmd"), (generated, "command")):
        metadata = subject.decode(codec.build(0, 1, 7), Direction.TO_SERVER)
        with pytest.raises(EncodeError, match=f"{name} is a field of the message"):
            subject.encode(metadata, Mutation({name: "8"}))


@pytest.mark.parametrize(
    "name", ["framing", "capabilities", "correlation", "max_request_id", "server_first", "default_limits"]
)
def test_they_claim_the_same(generated: Codec, name: str) -> None:
    assert getattr(generated, name) == getattr(codec, name)


def test_their_headers_are_declared_alike(generated: Codec) -> None:
    assert generated.layout is not None
    assert generated.layout.fields == codec.layout.fields


def test_the_header_block_is_read_and_written_by_the_same_lines(default_project: Path) -> None:
    ours = (AWESOMERPC / "headers.py").read_text("utf-8").splitlines()
    theirs = (default_project / "src" / "acme_rpc_codec" / "headers.py").read_text("utf-8").splitlines()
    assert [line.strip() for line in ours if line not in theirs] == [
        '"""The header block of an AwesomeRPC message: u8 key length, key, u16 value length, value; repeated."""',
        "stop = value_at + int.from_bytes(message[value_at - 2 : value_at])",
        "return len(raw).to_bytes(1) + raw + len(text).to_bytes(2) + text",
    ]
    assert [line.strip() for line in theirs if line not in ours] == [
        '"""The header block: u8 key length, key, u16 value length, value; repeated."""',
        'stop = value_at + int.from_bytes(message[value_at - 2 : value_at], "big")',
        'return len(raw).to_bytes(1) + raw + len(text).to_bytes(2, "big") + text',
    ]


def test_the_default_codec_and_its_tests_are_short(default_project: Path) -> None:
    sources = [*default_project.glob("src/*/*.py"), *default_project.glob("tests/*.py")]
    assert sum(len(path.read_text("utf-8").splitlines()) for path in sources) < 250
