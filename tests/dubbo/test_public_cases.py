"""Messages of public reports about Dubbo, each with what Java makes of it."""

import pytest
from dubbo_messages import CODEC, changed, hx, properties, read

from metaprotocol_sdk import Direction, MessageDecoder, MessageType, Metadata, ProtocolError, Status

HEADER = "dabb c200 0000000000000001"
SERVICE = "09 6f72672e782e537663"  # org.x.Svc
V1 = "05 312e302e30"  # 1.0.0
DUBBO, DUBBOX = "05 322e302e32", "05 322e382e34"
STRING_TYPE = "12 4c6a6176612f6c616e672f537472696e673b"
PATH = f"04 70617468 {SERVICE}"
GENERIC_TYPES = (
    "30 38 4c6a6176612f6c616e672f537472696e673b 5b4c6a6176612f6c616e672f537472696e673b 5b4c6a6176612f6c616e672f4f626a"
    "6563743b"
)


def framed(header: str, body: str) -> bytes:
    data = hx(body)
    return hx(header) + len(data).to_bytes(4) + data


def call(*parts: str) -> Metadata:
    return read(framed(HEADER, " ".join(parts)))


def answer(status: int, body: str) -> Metadata:
    return read(framed(f"dabb 02{status:02x} 0000000000000001", body))


SAY_HELLO = "08 73617948656c6c6f"
DUBBOX_CALL = (
    f"{DUBBOX} {SERVICE} {V1} {SAY_HELLO} 8f {STRING_TYPE} 01 78 48 {PATH} "
    f"09 696e74657266616365 {SERVICE} 07 76657273696f6e {V1} 5a"
)
DUBBOX_CALL_WITHOUT_TYPES = f"{DUBBOX} {SERVICE} {V1} {SAY_HELLO} 91 01 78 48 {PATH} 5a"


class TestDubbox:
    """dubbox 2.8.4 writes an int before the parameter types: -1, or the number of arguments in place of the types."""

    def test_a_call_with_types(self):
        found = call(DUBBOX_CALL)
        assert found.error is None
        assert found.incomplete == ""
        assert found.operation == "org.x.Svc/sayHello"
        assert found.properties == {
            "interface": "org.x.Svc",
            "method": "sayHello",
            "version": "1.0.0",
            "parameter_types": "Ljava/lang/String;",
            "dubbo": "2.8.4",
            "path": "org.x.Svc",
        }

    def test_a_call_without_types_may_be_read_otherwise_by_another_provider(self):
        found = call(DUBBOX_CALL_WITHOUT_TYPES)
        assert found.error is None
        assert found.properties["path"] == "org.x.Svc"
        assert "parameter_types" not in found.properties
        assert "dubbox" in found.incomplete

    def test_a_call_without_arguments_is_read_alike_by_all(self):
        found = call(f"{DUBBOX} {SERVICE} {V1} {SAY_HELLO} 90 48 {PATH} 5a")
        assert (found.error, found.incomplete) == (None, "")

    @pytest.mark.parametrize("body", [DUBBOX_CALL, DUBBOX_CALL_WITHOUT_TYPES])
    def test_its_attachments_can_be_changed(self, body):
        before = framed(HEADER, body)
        after = changed(before, {"zone": "eu", "path": "org.y.Svc"})
        assert properties(after) == {
            **properties(before),
            "zone": "eu",
            "path": "org.y.Svc",
            "interface": "org.y.Svc",
            "body_path": "org.x.Svc",
        }

    @pytest.mark.parametrize("body", [DUBBOX_CALL, DUBBOX_CALL_WITHOUT_TYPES])
    def test_its_bytes_are_explained(self, body):
        spans = {span.name: span.value for span in CODEC.spans(call(body))}
        assert spans["argument_count"] == ("-1" if body is DUBBOX_CALL else "1")
        assert spans["arguments.0"] == "'x'"
        assert spans["attachments.path"] == "org.x.Svc"

    @pytest.mark.parametrize("count", ["91", "49 7fffffff", "d7 ffff"])
    def test_a_count_of_more_arguments_than_there_are_is_an_error(self, count):
        found = call(f"{DUBBOX} {SERVICE} {V1} {SAY_HELLO} {count} 01 78")
        assert found.error is not None

    def test_null_types_after_the_count_are_refused(self):
        """A provider that does not know the count takes the null for the attachments, and calls without arguments."""
        found = call(f"{DUBBOX} {SERVICE} {V1} {SAY_HELLO} 8f 4e 48 5a")
        assert "null follows" in str(found.error)

    @pytest.mark.parametrize("number", ["e0", "38 0000", "59 00000001", "5d 01", "01 31", "02 2d31"])
    def test_another_number_or_its_text_is_not_a_count(self, number):
        found = call(f"{DUBBOX} {SERVICE} {V1} {SAY_HELLO} {number} 48 5a")
        assert "parameter types" in str(found.error)


def test_a_version_that_is_an_int_is_its_text():
    found = call(f"{DUBBO} {SERVICE} 91 016d 00 48 {PATH} 5a")
    assert found.properties["version"] == "1"


@pytest.mark.parametrize(
    ("attachment", "lost", "incomplete"),
    [
        ("07 76657273696f6e 4e", "version", ""),
        ("04 70617468 4e", "interface", ""),
        ("07 76657273696f6e 95", "version", "'version' is not a string"),
    ],
    ids=["a null version", "a null path", "an int as the version"],
)
def test_an_attachment_that_is_no_string_hides_what_the_body_says(attachment, lost, incomplete):
    found = call(f"{DUBBO} {SERVICE} {V1} 016d 00 48 {attachment} 5a")
    assert found.error is None
    assert lost not in found.properties
    assert incomplete in found.incomplete


def test_null_types_announce_no_arguments():
    found = call(f"{DUBBO} {SERVICE} {V1} 016d 4e 48 03 746167 0178 5a")
    assert found.properties["tag"] == "x"
    assert "parameter_types" not in found.properties


def test_null_attachments_leave_the_body():
    found = call(f"{DUBBO} {SERVICE} {V1} 016d 0149 91 4e")
    assert (found.error, found.properties["version"]) == (None, "1.0.0")


def test_attachments_that_are_missing_are_an_error():
    assert "attachments were expected" in str(call(f"{DUBBO} {SERVICE} {V1} 016d 0149 91").error)


def test_a_null_path_and_version_are_absent():
    found = call(f"{DUBBO} 4e 4e 016d 00 48 5a")
    assert found.properties == {"method": "m", "parameter_types": "", "dubbo": "2.0.2"}


def test_a_lone_surrogate_in_an_argument_is_skipped():
    found = call(f"{DUBBO} {SERVICE} {V1} 016d {STRING_TYPE} 04 eda0bd 2e2e2e 48 016b 0176 5a")
    assert found.properties["k"] == "v"


def test_an_emoji_is_read_as_two_surrogates_and_as_four_bytes():
    found = call(f"{DUBBO} {SERVICE} {V1} 016d 00 48 016b 02 eda0bd edb880 016a 01 f09f9880 5a")
    assert (found.properties["k"], found.properties["j"]) == ("\U0001f600", "\U0001f600")


def test_a_dubbo_version_of_two_quotes_is_what_it_is():
    found = call(f"02 2222 {SERVICE} {V1} 016d 00 48 0161 0162 5a")
    assert found.properties["dubbo"] == '""'


def test_bytes_after_the_attachments_are_left():
    found = call(f"{DUBBO} {SERVICE} {V1} 016d 00 48 0161 0162 5a 78797a")
    assert found.properties["a"] == "b"
    assert changed(found.message, {"a": None}).endswith(b"HZxyz")


@pytest.mark.parametrize(
    ("arguments", "generic", "method"),
    [
        ("08 73617948656c6c6f 71 07 5b737472696e67 02 5b43 71 07 5b6f626a656374 05 6368617273", "true", "sayHello"),
        ("0a 4765744f6e6555736572 70 07 5b737472696e67 70 07 5b6f626a656374", "true", "GetOneUser"),
        ("01 78 4e 4e", "raw.return", "x"),
    ],
    ids=["a char array", "empty lists", "null lists"],
)
def test_a_generic_call_names_its_method(arguments, generic, method):
    text = f"{len(generic):02x} {generic.encode().hex()}"
    found = call(f"{DUBBO} {SERVICE} {V1} 07 24696e766f6b65 {GENERIC_TYPES} {arguments} 48 07 67656e65726963 {text} 5a")
    assert found.incomplete == ""
    assert (found.properties["generic_method"], found.properties["generic"]) == (method, generic)


def test_a_stream_as_a_result_is_skipped():
    found = answer(20, "94 41 0003 616263 20 48 05 647562626f 05 322e302e32 5a")
    assert (found.error, found.properties) == (None, {"dubbo": "2.0.2"})


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(70, "53 0400" + "65" * 1024, {"error": "e" * 1024}), (80, "4e", {}), (80, "95", {"error": "5"})],
    ids=["a long text", "null", "an int"],
)
def test_the_text_of_an_error(status, body, expected):
    found = answer(status, body)
    assert (found.message_type, found.status) == (MessageType.EXCEPTION, Status.ERROR)
    assert (found.error, found.properties) == (None, expected)
    assert [span.value for span in CODEC.spans(found) if span.name == "error"] == [expected.get("error", "")]


def test_an_error_without_a_body_is_still_an_error():
    found = answer(80, "")
    assert found.status is Status.ERROR
    assert isinstance(found.error, ProtocolError)


@pytest.mark.parametrize(
    ("header", "body", "kind"),
    [
        ("dabb 2214 0000000000000001", "", MessageType.HEARTBEAT),
        ("dabb e200 ffffffffffffffff", "4e", MessageType.HEARTBEAT),
        ("dabb a200 0000000000000001", "4e", MessageType.EVENT),
        ("dabb f600 0000000000000003", "", MessageType.HEARTBEAT),
        ("dabb f700 0000000000000003", "af", MessageType.HEARTBEAT),
        ("dabb f000 0000000000000003", "6e756c6c 0d0a", MessageType.HEARTBEAT),
        ("dabb f900 0000000000000003", "00", MessageType.HEARTBEAT),
        ("dabb e200 0000000000000005", "01 52", MessageType.HEARTBEAT),
        ("dabb e200 0000000000000005", "05 68656c6c6f", MessageType.HEARTBEAT),
    ],
    ids=["no body", "id -1", "one-way", "protobuf", "fastjson2", "gson", "kryo2", "two-way R", "a text"],
)
def test_heartbeats_and_events(header, body, kind):
    found = read(framed(header, body))
    assert (found.error, found.message_type) == (None, kind)
    assert found.request_id == int(header.split()[-1], 16)


FOREIGN = {
    "telnet": "6c73 0d0a",
    "telnet, then Dubbo": "737461747573202d6c0d0a dabbc20000000000000000010000001b",
    "HTTP/2": "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a",
    "HTTP/1": "474554202f6865616c746820485454502f312e310d0a486f73743a20780d0a0d0a",
    "TLS": "16030100c8010000c40303",
    "PROXY": "50524f5859205443503420312e322e332e3420352e362e372e38203120320d0a",
    "2 GiB": "dabbc2000000000000000001 7fffffff",
    "a negative length": "dabbc2000000000000000001 ffffffff",
}


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
def test_what_is_not_dubbo_is_a_framing_error(data):
    decoder = MessageDecoder(CODEC, Direction.TO_SERVER)
    assert decoder.feed(hx(data)) == []
    assert decoder.stream_error is not None
