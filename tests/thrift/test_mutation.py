"""A mutation changes what it names, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thrift_messages import (
    CALL,
    CLIENT,
    CODEC,
    EXCEPTION,
    FORMS,
    ONEWAY,
    PROTOCOL_OF,
    REPLY,
    SERVER,
    STRUCTS,
    TRANSPORTS,
    WRITERS,
    message,
    read,
)

from metaprotocol_codecs.thrift import ThriftCodec
from metaprotocol_sdk import EncodeError, Limits, Mutation, UnsupportedMutation

each_form = pytest.mark.parametrize("form", FORMS, ids=" ".join)
WITHOUT_PACKING = [form for form in FORMS if form[0] != "zipped"]
MESSAGES = [
    (SERVER, CALL, "hi"),
    (SERVER, ONEWAY, "nothing"),
    (CLIENT, REPLY, "result"),
    (CLIENT, REPLY, "declared"),
    (CLIENT, EXCEPTION, "failure"),
]
each_message = pytest.mark.parametrize(("direction", "kind", "struct"), MESSAGES)


def changed(metadata, request_id=None, codec=CODEC, **mutation):
    return codec.encode(metadata, Mutation(mutation), request_id)


@each_form
@each_message
def test_an_empty_mutation_gives_the_very_bytes(form, direction, kind, struct):
    data = message(form, kind, struct)
    metadata = read(data, direction)
    assert changed(metadata) is metadata.message
    assert changed(metadata, request_id=7) == data
    assert changed(metadata, method="echo", service=None, absent=None) == data


@pytest.mark.parametrize("form", WITHOUT_PACKING, ids=" ".join)
@each_message
@pytest.mark.parametrize("name", ["ping", "a-much-longer-name" * 20, "é世😀", 'qu"o\\te\n'])
def test_a_rename_writes_what_a_peer_with_that_name_would(form, direction, kind, struct, name):
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") if form[1] == "json" else name
    metadata = read(message(form, kind, struct), direction)
    assert changed(metadata, method=name) == message(form, kind, struct, name=escaped)


@each_form
@each_message
def test_a_rename_can_be_read_and_undone(form, direction, kind, struct):
    metadata = read(message(form, kind, struct, name="Svc:echo"), direction)
    renamed = read(changed(metadata, method="ping"), direction)
    assert (renamed.properties["service"], renamed.properties["method"]) == ("Svc", "ping")
    restored = read(changed(renamed, method="echo"), direction)
    assert restored.message == metadata.message
    assert restored == metadata


@pytest.mark.parametrize("form", WITHOUT_PACKING, ids=" ".join)
@pytest.mark.parametrize("request_id", [0, 127, 128, 16_384, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_new_id_is_written_where_a_peer_writes_it(form, request_id):
    metadata = read(message(form, CALL))
    seqid = request_id - (2**32 if request_id >= 2**31 else 0)
    expected = message(form, CALL, seqid=seqid)
    if form[0] == "header":  # where the id is in the header too
        expected = expected[:8] + request_id.to_bytes(4) + expected[12:]
    assert changed(metadata, request_id=request_id) == expected


@each_form
@given(first=st.integers(0, 2**32 - 1), second=st.integers(0, 2**32 - 1))
def test_an_id_can_be_read_and_put_back(form, first, second):
    metadata = read(changed(read(message(form, CALL)), request_id=first))
    other = read(changed(metadata, request_id=second))
    assert (metadata.request_id, other.request_id) == (first, second)
    assert changed(other, request_id=first) == metadata.message


@each_form
@pytest.mark.parametrize("request_id", [-1, 2**32])
def test_an_id_that_is_none_is_refused(form, request_id):
    with pytest.raises(EncodeError, match="a sequence id is 0 to 4,294,967,295"):
        changed(read(message(form, CALL)), request_id=request_id)


@each_form
def test_id_and_name_change_together(form):
    metadata = read(message(form, CALL))
    other = read(changed(metadata, request_id=300, method="ping"))
    assert (other.request_id, other.properties["method"]) == (300, "ping")


@each_form
@pytest.mark.parametrize(
    ("mutation", "what"),
    [
        ({"method": None}, "has a method, which can be renamed and not removed"),
        ({"method": ""}, "has a method, which can be renamed and not removed"),
        ({"method": "a:b"}, "'a:b' would be read as a service and a method"),
        ({"service": "Other"}, r"only the method can be changed, not \['service'\]"),
        ({"error": "x"}, r"only the method can be changed, not \['error'\]"),
        ({"method": "a", "service": "b"}, r"only the method can be changed"),
    ],
)
def test_what_the_message_itself_says_is_renamed_and_nothing_else(form, mutation, what):
    with pytest.raises(UnsupportedMutation, match=what):
        changed(read(message(form, CALL)), **mutation)


@each_form
def test_the_service_of_a_multiplexed_name_stays_as_it_is(form):
    metadata = read(message(form, CALL, name="Svc:echo"))
    assert changed(metadata, service="Svc") == metadata.message
    for service in ("Other", None):
        with pytest.raises(UnsupportedMutation):
            changed(metadata, service=service)
    with pytest.raises(UnsupportedMutation, match="would be read as a service and a method"):
        changed(metadata, method="a:b")


@pytest.mark.parametrize("form", [form for form in FORMS if form[0] in ("framed", "unframed")], ids=" ".join)
def test_without_a_header_there_are_no_keys_to_set(form):
    metadata = read(message(form, CALL))
    with pytest.raises(
        UnsupportedMutation, match=r"only a message in THeader has keys that can be set, so not \['k'\]"
    ):
        changed(metadata, k="v")


@pytest.mark.parametrize("name", ["\ud800", "a\udfff", "\udcc3\udca9"])
@pytest.mark.parametrize("protocol", ["strict", "non-strict", "compact"])
def test_a_name_that_cannot_be_read_back_is_refused(protocol, name):
    with pytest.raises(UnsupportedMutation, match="would not be read back as it is"):
        changed(read(message(("framed", protocol), CALL)), method=name)


def test_in_json_too_what_would_become_another_name_is_refused():
    metadata = read(message(("framed", "json"), CALL))
    for name in ("\ud83d\ude00", "\udcc3\udca9"):
        with pytest.raises(UnsupportedMutation, match="would not be read back as it is"):
            changed(metadata, method=name)


@pytest.mark.parametrize("protocol", WRITERS)
@given(name=st.text(max_size=20))
def test_every_name_is_read_back_or_refused(protocol, name):
    metadata = read(message(("unframed", protocol), CALL))
    try:
        data = changed(metadata, method=name)
    except UnsupportedMutation:
        return
    assert read(data).properties["method"] == name


@pytest.mark.parametrize("name", ["[x", "\x01", "\x00", "\x7f"])
def test_a_name_that_would_make_an_unframed_message_look_like_another_is_refused(name):
    metadata = read(message(("unframed", "non-strict"), CALL))
    with pytest.raises(UnsupportedMutation, match="would be taken for one in another transport"):
        changed(metadata, method=name)
    pinned = ThriftCodec(transport="unframed", protocol="binary")
    assert pinned.decode(changed(metadata, codec=pinned, method=name), SERVER).properties["method"] == name


@each_form
def test_a_message_never_grows_over_the_limit(form):
    data = message(form, CALL)
    codec = ThriftCodec(limits=Limits(max_message_size=len(data)))
    with pytest.raises(UnsupportedMutation, match="over the limit"):
        changed(read(data, codec=codec), codec=codec, method="".join(map(chr, range(0x100, 0x200))))


@pytest.mark.parametrize("protocol", WRITERS)
def test_a_message_that_could_not_be_read_takes_a_new_id_and_no_mutation(protocol):
    writer, structs = WRITERS[protocol], STRUCTS[protocol]
    data = TRANSPORTS["framed"](writer(CALL, "echo", 7, structs["hi"]) + b"x")
    metadata = CODEC.decode(data, SERVER)
    assert "follow the message" in str(metadata.error)
    with pytest.raises(UnsupportedMutation, match="could not be read"):
        changed(metadata, method="ping")
    assert changed(metadata, request_id=9) == TRANSPORTS["framed"](writer(CALL, "echo", 9, structs["hi"]) + b"x")


def test_an_empty_frame_passes_unchanged_and_takes_nothing():
    metadata = read(bytes(4))
    assert changed(metadata) == changed(metadata, request_id=0, k=None) == bytes(4)
    with pytest.raises(UnsupportedMutation):
        changed(metadata, k="v")
    with pytest.raises(EncodeError):
        changed(metadata, request_id=5)


def test_the_protocol_decides_how_ids_are_written():
    assert set(PROTOCOL_OF.values()) == {"binary", "compact", "json"}
    for form in FORMS:
        metadata = read(message(form, CALL))
        assert read(changed(metadata, request_id=CODEC.max_request_id)).request_id == 2**32 - 1
