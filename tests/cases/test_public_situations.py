"""Inputs of situations that people reported in public, each with the right outcome of `metaprotocol inspect`.

The folder, which METAPROTOCOL_CASES names, has for each input a text that says what it is. The kinds of these
situations have tests of their own, which need no folder: `tests/capture` for captures, `tests/cli/test_hex_text.py` for
text, `tests/sdk/test_foreign.py` for other protocols.
"""

import json
from collections.abc import Iterator

import pytest
from attrs import frozen
from click.testing import CliRunner
from required import cases_folder, require

from metaprotocol_cli import main

FOLDER = cases_folder()
INPUTS = sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".txt") if FOLDER else []

REPLIES = {"t40-reply.hex", "t41-exc.hex", "t42-exc-empty.hex"}  # travel to the client
THRIFT_TEXTS = {"one-line-offset.hextext", "python-repr.hextext", "tcpdump-x.hextext"}

ECHO = "request 0 org.corpus.DemoService/echo"
# One connection: two calls, and heartbeats that both sides ask for.
CONVERSATION = {"request": 2, "response": 2, "heartbeat": 8}


@frozen
class Outcome:
    """The output of inspect for an input."""

    exit_code: int
    messages: list[str]
    """Type, id and operation of each, and its error."""
    notes: str
    """All notes and errors of the stream."""

    @property
    def types(self) -> dict[str, int]:
        kinds = [message.split()[0] for message in self.messages]
        return {kind: kinds.count(kind) for kind in kinds}


def outcome(name: str) -> Outcome:
    codec = "thrift" if name in THRIFT_TEXTS or name.startswith("t") else "dubbo"
    arguments = ["--direction", "to-client"] if name in REPLIES else []
    assert FOLDER is not None
    result = CliRunner().invoke(main, ["inspect", "--codec", codec, "--json", *arguments, str(FOLDER / name)])
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return Outcome(
        result.exit_code,
        [" ".join(_words(row)) for row in rows if "type" in row],
        "; ".join(_note(row) for row in rows if "type" not in row),
    )


def _words(row: dict) -> Iterator[str]:
    yield from (row["type"], str(row["id"]))
    if row["operation"]:
        yield row["operation"]
    if row["error"]:
        yield f"! {row['error']['message']}"


def _note(row: dict) -> str:
    error = row.get("stream_error")
    return f"{error['message']}: {error['hint']}" if error else row["note"]


# Messages that are read without a note.
READ = {
    "d01-dubbox-284.hex": "request 1 org.x.Svc/sayHello",
    "d02-dubbox-kryo-like.hex": "request 1 org.x.Svc/sayHello",
    "d03-version-int.hex": "request 1 org.x.Svc/m",
    "d05-version-null-attachment.hex": "request 1 org.x.Svc/m",
    "d06-path-null-attachment.hex": "request 1 /m",
    "d07-version-int-attachment.hex": "request 1 org.x.Svc/m",
    "d18-nonok-int.hex": "exception 1",
    "d26-fastjson2-req.hex": "request 9",
    "d08-null-types.hex": "request 1 org.x.Svc/m",
    "d09-null-attachments.hex": "request 1 org.x.Svc/m",
    "d11-null-version-path.hex": "request 1 /m",
    "d12-lone-surrogate.hex": "request 1 org.x.Svc/m",
    "d13-emoji-attachment.hex": "request 1 org.x.Svc/m",
    "d14-inputstream-result.hex": "response 1",
    "d15-nonok-error-S.hex": "exception 1",
    "d17-nonok-null.hex": "exception 1",
    "d19-hb-resp-empty.hex": "heartbeat 1",
    "d20-hb-req.hex": "heartbeat 18446744073709551615",
    "d21-hb-oneway.hex": "event 1",
    "d22-hb-protobuf-empty.hex": "heartbeat 3",
    "d23-hb-fastjson2.hex": "heartbeat 3",
    "d24-hb-gson.hex": "heartbeat 3",
    "d25-hb-kryo2.hex": "heartbeat 3",
    "d27-char-array.hex": "request 1 org.x.Svc/$invoke",
    "d28-generic-empty-lists.hex": "request 1 org.x.Svc/$invoke",
    "d29-generic-null.hex": "request 1 org.x.Svc/$invoke",
    "d39-dubbo-version-emptyquotes.hex": "request 1 org.x.Svc/m",
    "d40-trailing.hex": "request 1 org.x.Svc/m",
    "d41-event-R-twoway.hex": "heartbeat 5",
    "d42-hb-non-null.hex": "heartbeat 5",
    "one-line-offset.hextext": "request 1 echo",
    **{
        f"t0{number}-empty-{form}.hex": "request 1 m"
        for number, forms in (
            (1, ("binary", "compact", "json")),
            (2, ("framed-binary", "framed-compact", "framed-json")),
        )
        for form in forms
    },
    "t03-nonstrict.hex": "request 1 m",
    "t04-nonstrict-framed.hex": "request 1 m",
    # A sequence id is an i32; an id of the SDK is its bits without a sign.
    **{
        f"{kind}seq{number}.hex": f"request {number % 2**32} m"
        for kind in ("t05-", "t06-c")
        for number in (-1, -(2**31), 0, 2**31 - 1)
    },
    "t07-theader-0.hex": "request 0 m",
    "t08-theader-neg.hex": f"request {2**32 - 1} m",
    "t09-theader-mismatch.hex": "request 9 m",
    "t10-theader-persistent.hex": "request 1 m",
    "t11-theader-kv-dup.hex": "request 1 m",
    "t12-mux.hex": "request 1 Svc/m",
    "t14-mux-empty.hex": "request 1",
    "t15-finagle-upgrade.hex": "request 1 __can__finagle__trace__v3__",
    "t24-uuid.hex": "request 1 m",
    "t25-uuid-compact.hex": "request 1 m",
    "t29-oneway.hex": "oneway 1 m",
    "t40-reply.hex": "response 1 m",
    "t41-exc.hex": "exception 3 m",
    "t42-exc-empty.hex": "exception 1 m",
}

# Messages that are marked, with the reason, and end nothing.
UNREADABLE = {
    "d10-no-attachments.hex": "the message ends where its attachments were expected",
    "d16-nonok-empty.hex": "the message ends where a string was expected",
    "t13-mux-2colons.hex": "servers differ in which service and method the name 'a.b:c:m' calls",
    "t26-fbfloat-compact.hex": "the message ends in the middle of its struct",
    "t27-huge-string.hex": "the message ends in the middle of its struct",
    "t28-neg-string.hex": "a size is -1",
    "t43-old-types.hex": "no field has the type 17",
}

# What does not begin a message is named.
FOREIGN = {
    "d30-telnet-ls.hex": "a line of text (telnet)",
    "d32-h2-preface.hex": "HTTP/2",
    "d33-http-probe.hex": "HTTP/1",
    "d34-tls.hex": "TLS 1.2 or 1.3 (ClientHello)",
    "t18-http-post.hex": "HTTP/1",
    "t19-http-get.hex": "HTTP/1",
    "t19b-http-head.hex": "HTTP/1",
    "t20-tls12.hex": "TLS 1.2 or 1.3 (ClientHello)",
    "t21-sasl.hex": "SASL (Thrift's TSaslTransport)",
    "t21b-sasl-gssapi.hex": "SASL (Thrift's TSaslTransport)",
    "t22-ttheader.hex": "TTHeader (Kitex)",
    "t23-dubbo-on-thrift.hex": "Dubbo",
    "t30-proxy.hex": "PROXY protocol v1",
    "t32-telnet.hex": "a line of text (telnet)",
}
BROKEN = {
    "d37-big-length.hex": "2,147,483,663 is over the limit max_message_size",
    "d38-neg-length.hex": "4,294,967,311 is over the limit max_message_size",
    "t16-finagle-after.hex": "neither a protocol nor the name of a method begins with 0a",
    "t17-thriftmux.hex": "neither a protocol nor the name of a method begins with 7f",
}
# After the bytes of another protocol, the messages that follow on the same connection are found.
FOUND_AGAIN = {"d31-telnet-then-dubbo.hex": "offset 11", "d35-proxy-v1.hex": "offset 32"}

# Captures of the whole conversation, with the note that they give.
CAPTURES = {
    **dict.fromkeys(
        f"p{name}.pcap"
        for name in (
            "01-eth", "02-sll2", "03-sll", "04-ip6ext", "05-tso0", "06-tso0-pad", "08-qinq", "09-be-ns", "10-fcs",
            "11-vxlan", "14-pppoe", "15-mpls", "16-nflog", "18-dup-any", "19-tfo", "22-rst", "24-ka", "25-loop-null",
            "26-raw", "28-ng-multi",
        )
    ),
    "p17-cutfile.pcap": "the capture is cut off inside",
    "p20-midstream-highserver.pcap": "the capture begins in the middle of this stream",
    "p21-midstream-highserver-port.pcap": "the capture begins in the middle of this stream",
}  # fmt: skip
HEX = {name for name in INPUTS if name.startswith("hex-")}
ALONE = {
    "compressed.pcap.gz", "p07-snap96.pcap", "p23-health.pcap", "p27-nolink.pcap", "python-repr.hextext",
    "tcpdump-x.hextext",
}  # fmt: skip
# The version of the service that Dubbo's provider dispatches, as a rule sees it; and whether it is sure.
VERSIONS = {
    "d03-version-int.hex": ("1", True),  # Java reads "1"
    "d05-version-null-attachment.hex": (None, True),  # putAll: null over the body's version
    "d06-path-null-attachment.hex": ("1.0.0", True),
    "d07-version-int-attachment.hex": (None, False),  # some providers turn an int into a text
}


def test_every_input_has_its_outcome() -> None:
    if FOLDER is None:
        require("cases", "METAPROTOCOL_CASES does not say where the inputs of public situations are")
    known = {*READ, *UNREADABLE, *FOREIGN, *BROKEN, *FOUND_AGAIN, *CAPTURES, *HEX, *ALONE}
    assert set(INPUTS) == known


needs_folder = pytest.mark.skipif(FOLDER is None, reason="METAPROTOCOL_CASES does not name a folder")


@needs_folder
@pytest.mark.parametrize("name", READ)
def test_a_message_is_read(name: str) -> None:
    assert outcome(name) == Outcome(0, [READ[name]], "")


@needs_folder
@pytest.mark.parametrize("name", VERSIONS)
def test_the_version_is_the_one_that_the_provider_dispatches(name: str) -> None:
    assert FOLDER is not None
    result = CliRunner().invoke(main, ["inspect", "--codec", "dubbo", "--json", str(FOLDER / name)])
    row = json.loads(result.stdout)
    assert (row["properties"].get("version"), not row["incomplete"]) == VERSIONS[name]


@needs_folder
@pytest.mark.parametrize("name", UNREADABLE)
def test_a_message_that_cannot_be_read_is_marked_with_the_reason(name: str) -> None:
    seen = outcome(name)
    assert seen.exit_code == 1
    assert [UNREADABLE[name] in message for message in seen.messages] == [True]
    assert seen.notes == ""


@needs_folder
@pytest.mark.parametrize("name", FOREIGN)
def test_another_protocol_is_named(name: str) -> None:
    seen = outcome(name)
    assert (seen.exit_code, seen.messages) == (1, [])
    assert f"these bytes look like {FOREIGN[name]}" in seen.notes


@needs_folder
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_says_what_is_wrong(name: str) -> None:
    seen = outcome(name)
    assert (seen.exit_code, seen.messages) == (1, [])
    assert BROKEN[name] in seen.notes


@needs_folder
@pytest.mark.parametrize("name", FOUND_AGAIN)
def test_after_another_protocol_the_next_message_is_found(name: str) -> None:
    seen = outcome(name)
    assert (seen.exit_code, seen.messages) == (1, ["request 1 org.x.Svc/m"])
    assert f"the next message begins at {FOUND_AGAIN[name]}" in seen.notes


@needs_folder
@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_shows_the_whole_conversation(name: str) -> None:
    seen = outcome(name)
    assert seen.types == CONVERSATION
    assert seen.messages[0] == ECHO
    assert (CAPTURES[name] or "") in seen.notes
    assert (seen.notes == "") is (CAPTURES[name] is None)
    assert seen.exit_code == (name == "p17-cutfile.pcap")


@needs_folder
@pytest.mark.parametrize("name", sorted(HEX))
def test_a_form_of_text_shows_the_same_two_messages(name: str) -> None:
    assert outcome(name) == Outcome(0, [ECHO, "heartbeat 1"], "")


@needs_folder
class TestAlone:
    def test_a_compressed_capture_is_read(self) -> None:
        assert outcome("compressed.pcap.gz").types == {"request": 8, "response": 8}

    def test_messages_that_a_small_snaplen_cuts_off_are_shown_by_their_headers(self) -> None:
        seen = outcome("p07-snap96.pcap")
        assert seen.messages[0] == "request 0 ! only the first 42 of 192 bytes were captured together"
        assert seen.types == {"request": 1, "response": 2, "heartbeat": 2}
        assert "158 bytes are not in the capture" in seen.notes

    def test_a_probe_that_connects_and_resets_has_no_data(self) -> None:
        assert outcome("p23-health.pcap") == Outcome(0, [], "the 4 TCP packets carry no data")

    def test_a_link_type_that_cannot_be_read_is_named(self) -> None:
        seen = outcome("p27-nolink.pcap")
        assert (seen.exit_code, seen.messages) == (1, [])
        assert "they have link type 147" in seen.notes

    def test_a_literal_that_ends_inside_a_message_shows_those_before(self) -> None:
        seen = outcome("python-repr.hextext")
        assert seen.messages == ["request 0 ping", "request 0 greet"]
        assert "the stream ended 7 bytes into a message" in seen.notes

    def test_the_offsets_of_tcpdump_are_not_read_as_data(self) -> None:
        seen = outcome("tcpdump-x.hextext")
        assert seen.messages == ["request 1 ping ! the message ends in the middle of its struct"]
