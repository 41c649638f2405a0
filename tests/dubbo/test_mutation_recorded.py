"""Set, set again and remove a key on every recorded message that has attachments, of every client and server."""

from pathlib import Path

import pytest
from dubbo_messages import CLIENT, CODEC, read
from recordings import Recording, decode

from metaprotocol_sdk import MessageType, Metadata, Mutation, Status, UnsupportedMutation

VECTORS = Path(__file__).parents[1] / "vectors" / "dubbo"
KEY, VALUE = "x-\U0001f600-canary", "blue \u4e16"

REQUESTS = (MessageType.REQUEST, MessageType.ONEWAY)
SUCCESSES_AND_EXCEPTIONS = (MessageType.RESPONSE, MessageType.EXCEPTION)


def recorded(folder: Path) -> list[Metadata]:
    """Return every message of a folder's recordings, each response with the request it answers."""
    messages = []
    for path in sorted(folder.glob("*.c2s.bin")):
        sent = decode(CODEC, Recording(path).direction, [Recording(path).data]).messages
        back = Recording(path.with_name(path.name.replace(".c2s.", ".s2c.")))
        answers = decode(CODEC, back.direction, [back.data]).messages if back.path.exists() else []
        asked = {metadata.request_id: metadata for metadata in sent}
        for metadata in answers:
            metadata.request = asked.get(metadata.request_id)
        messages += sent + answers
    return messages


def has_attachments(metadata: Metadata) -> bool:
    """Return True for a hessian2 request, or a hessian2 response of a kind from 3 to 5."""
    if metadata.error is not None or metadata.message[2] & 0x3F != 2:
        return False
    if metadata.message_type in REQUESTS:
        return True
    return metadata.status is Status.OK and metadata.message[16] in b"\x93\x94\x95"


def has_none_yet(metadata: Metadata) -> bool:
    """Return True for a hessian2 response of a kind from 0 to 2."""
    return (
        metadata.error is None
        and metadata.message_type in SUCCESSES_AND_EXCEPTIONS
        and metadata.message[2] & 0x3F == 2
        and metadata.status is Status.OK
        and metadata.message[16] in b"\x90\x91\x92"
    )


def check_set_and_removed(metadata: Metadata) -> None:
    """Set a key, set it again and remove it; everything else stays."""
    untouched = metadata.clone()
    after = CODEC.encode(metadata, Mutation({KEY: VALUE}))
    assert CODEC.encode(metadata, Mutation({KEY: VALUE})) == after
    assert metadata == untouched

    found = read(after)
    found.request = metadata.request
    assert found.properties == {**metadata.properties, KEY: VALUE}
    for name in ("message_type", "request_id", "operation", "status", "status_code", "expects_reply", "error"):
        assert getattr(found, name) == getattr(metadata, name)
    # all that stands before the attachments, the length and the kind of a response aside
    start = len(metadata.message) - len(attachments_bytes(metadata))
    assert after[:12] == metadata.message[:12]
    assert after[17:start] == metadata.message[17:start]

    again = read(CODEC.encode(found, Mutation({KEY: "green"})))
    again.request = metadata.request
    assert again.properties == {**metadata.properties, KEY: "green"}
    gone = CODEC.encode(again, Mutation({KEY: None}))
    assert CODEC.encode(found, Mutation({KEY: None})) == gone
    assert read(gone).properties == metadata.properties
    if attachments_bytes(metadata)[:1] in (b"H", b"M"):
        assert gone == metadata.message


def attachments_bytes(metadata: Metadata) -> bytes:
    spans = CODEC.spans(metadata)
    start = next((span.start for span in spans if span.name.startswith("attachments")), len(metadata.message))
    return metadata.message[start:]


def check_own_keys(metadata: Metadata) -> None:
    """Replace every attachment by its own value reversed, and remove every one."""
    names = [
        name
        for name in metadata.properties
        if any(span.name == f"attachments.{name}" for span in CODEC.spans(metadata))
        and name not in ("exception", "error", "version", "interface", "path", "dubbo", "method")
    ]
    for name in names:
        value = metadata.properties[name][::-1] + "!"
        assert read(CODEC.encode(metadata, Mutation({name: value}))).properties == {
            **metadata.properties,
            name: value,
        }
    gone = read(CODEC.encode(metadata, Mutation(dict.fromkeys(names)))).properties
    assert gone == {name: value for name, value in metadata.properties.items() if name not in names}


def check_refused(metadata: Metadata) -> None:
    with pytest.raises(UnsupportedMutation):
        CODEC.encode(metadata, Mutation({KEY: VALUE}))


@pytest.mark.parametrize("check", [check_set_and_removed, check_own_keys])
def test_committed_recordings(check):
    messages = [metadata for metadata in recorded(VECTORS) if has_attachments(metadata)]
    assert len(messages) == 39
    for metadata in messages:
        check(metadata)


def test_committed_responses_without_attachments_have_clients_that_read_none():
    messages = [metadata for metadata in recorded(VECTORS) if has_none_yet(metadata)]
    assert [metadata.request.properties["dubbo"] for metadata in messages] == ["5.3.0", "5.3.0"]
    for metadata in messages:
        check_refused(metadata)


@pytest.mark.parametrize("check", [check_set_and_removed, check_own_keys])
def test_the_corpus(corpus, check):
    messages = [metadata for metadata in recorded(corpus / "dubbo") if has_attachments(metadata)]
    assert {metadata.message[16] for metadata in messages if not metadata.message[2] & 0x80} == {0x93, 0x94, 0x95}
    assert len(messages) >= 263
    for metadata in messages:
        check(metadata)


def test_responses_of_the_corpus_without_attachments_have_clients_that_read_none(corpus):
    messages = [metadata for metadata in recorded(corpus / "dubbo") if has_none_yet(metadata)]
    assert {metadata.message[16] for metadata in messages} == {0x90, 0x91, 0x92}
    for metadata in messages:
        check_refused(metadata)


def test_they_would_get_them_if_their_clients_did(corpus):
    messages = [metadata for metadata in recorded(corpus / "dubbo") if has_none_yet(metadata)]
    assert len(messages) >= 22
    for metadata in messages:
        metadata.request = CLIENT
        check_set_and_removed(metadata)


def test_every_message_of_the_corpus_passes_unchanged_or_with_another_id(corpus):
    for metadata in recorded(corpus / "dubbo"):
        assert CODEC.encode(metadata, Mutation()) is metadata.message
        renumbered = CODEC.encode(metadata, Mutation(), 2**64 - 1)
        assert renumbered == metadata.message[:4] + b"\xff" * 8 + metadata.message[12:]


def test_every_message_of_the_corpus_that_has_no_attachments_refuses_a_key(corpus):
    refused = 0
    for metadata in recorded(corpus / "dubbo"):
        if not has_attachments(metadata) and not has_none_yet(metadata):
            with pytest.raises(UnsupportedMutation):
                CODEC.encode(metadata, Mutation({KEY: VALUE}))
            refused += 1
    assert refused > 50
