"""The recorded connections in tests/vectors/dubbo, whole: every message of both directions, and in any pieces."""

from pathlib import Path

import pytest
from recordings import Recording, decode

from metaprotocol_codecs.dubbo import DubboCodec
from metaprotocol_sdk import MessageType, Metadata, Status

VECTORS = Path(__file__).parents[1] / "vectors" / "dubbo"
STREAMS = sorted(path.name for path in VECTORS.glob("*.bin"))

SERVICE = "org.corpus.DemoService"
ECHO = {"method": "echo", "parameter_types": "Ljava/lang/String;"}
INVOKE = {
    "method": "$invoke",
    "parameter_types": "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;",
    "generic": "true",
}


def recorded(name: str) -> list[Metadata]:
    recording = Recording(VECTORS / name)
    decoded = decode(DubboCodec(), recording.direction, [recording.data])
    assert decoded.error is None
    return decoded.messages


def java_request(**properties: str) -> dict[str, str]:
    """Return the properties of a request of the Java client, with what all of them carry."""
    return {
        "dubbo": "2.0.2",
        "interface": SERVICE,
        "path": SERVICE,
        "version": "0.0.0",
        "remote.application": "corpus-client",
        **properties,
    }


def calls(name: str) -> list[tuple[MessageType, int, dict[str, str]]]:
    return [(metadata.message_type, metadata.request_id, metadata.properties) for metadata in recorded(name)]


def replies(name: str) -> list[tuple[MessageType, int, Status, int | None, dict[str, str]]]:
    return [
        (metadata.message_type, metadata.request_id, metadata.status, metadata.status_code, metadata.properties)
        for metadata in recorded(name)
    ]


def value(request_id: int, *, dubbo: bool = True) -> tuple[MessageType, int, Status, int, dict[str, str]]:
    """Return what a reply with a value says; a Java server adds its protocol version."""
    return MessageType.RESPONSE, request_id, Status.OK, 20, {"dubbo": "2.0.2"} if dubbo else {}


def test_a_client_that_keeps_its_connection_alive_sends_heartbeats_between_its_calls():
    assert calls("java27-heartbeat.c2s.bin") == [
        (MessageType.REQUEST, 0, java_request(**ECHO)),
        (MessageType.HEARTBEAT, 1, {}),
        (MessageType.HEARTBEAT, 2, {}),
        (MessageType.HEARTBEAT, 3, {}),
        (MessageType.HEARTBEAT, 4, {}),
        (MessageType.REQUEST, 5, java_request(**ECHO)),
    ]


def test_the_server_answers_heartbeats_with_heartbeats():
    assert replies("java27-heartbeat.s2c.bin") == [
        value(0),
        (MessageType.HEARTBEAT, 1, Status.OK, 20, {}),
        (MessageType.HEARTBEAT, 2, Status.OK, 20, {}),
        (MessageType.HEARTBEAT, 3, Status.OK, 20, {}),
        (MessageType.HEARTBEAT, 4, Status.OK, 20, {}),
        value(5),
    ]


def test_a_heartbeat_expects_a_reply_and_its_answer_does_not():
    asked = [metadata.expects_reply for metadata in recorded("java27-heartbeat.c2s.bin")]
    answered = [metadata.expects_reply for metadata in recorded("java27-heartbeat.s2c.bin")]
    assert asked == [True] * 6
    assert answered == [False] * 6


def test_oneway_calls_get_no_answer():
    oneway = {"method": "oneway", "parameter_types": "Ljava/lang/String;"}
    assert calls("java27-oneway.c2s.bin") == [
        (MessageType.ONEWAY, 0, java_request(id="0", **oneway)),
        (MessageType.ONEWAY, 1, java_request(id="1", **oneway)),
        (MessageType.ONEWAY, 2, java_request(id="2", **oneway)),
        (MessageType.REQUEST, 3, java_request(**ECHO)),
    ]
    assert [metadata.expects_reply for metadata in recorded("java27-oneway.c2s.bin")] == [False, False, False, True]
    assert replies("java27-oneway.s2c.bin") == [value(3)]


def test_pipelined_answers_overtake_each_other():
    slow = java_request(method="slow", parameter_types="ILjava/lang/String;")
    assert calls("java27-pipeline.c2s.bin") == [
        (MessageType.REQUEST, request_id, slow) for request_id in (7, 4, 0, 3, 6, 2, 1, 5)
    ]
    assert replies("java27-pipeline.s2c.bin") == [value(request_id) for request_id in (1, 5, 0, 6, 7, 2, 4, 3)]


def test_a_generic_call_names_its_method_in_the_first_argument():
    assert calls("java27-generic.c2s.bin") == [
        (MessageType.REQUEST, 0, java_request(generic_method="echo", **INVOKE)),
        (MessageType.REQUEST, 1, java_request(generic_method="pojo", **INVOKE)),
        (MessageType.REQUEST, 2, java_request(generic_method="nothing", **INVOKE)),
        (MessageType.REQUEST, 3, java_request(generic_method="nosuch", **INVOKE)),
        (MessageType.REQUEST, 4, java_request(generic_method="fail", **INVOKE)),
    ]


def test_a_failed_call_and_a_business_exception_are_different_errors():
    answers = replies("java27-generic.s2c.bin")
    failed_text = answers[3][4].pop("error")
    assert answers == [
        value(0),
        value(1),
        value(2),
        (MessageType.EXCEPTION, 3, Status.ERROR, 70, {}),
        (
            MessageType.EXCEPTION,
            4,
            Status.OK,
            20,
            {"dubbo": "2.0.2", "exception": "com.alibaba.dubbo.rpc.service.GenericException"},
        ),
    ]
    assert failed_text.startswith("org.apache.dubbo.rpc.RpcException: org.corpus.DemoService.nosuch(int)\n")
    assert failed_text.endswith("\t... 16 more\n")


def test_a_server_that_shuts_down_says_so_in_an_event():
    assert calls("java27-readonly.c2s.bin") == [(MessageType.REQUEST, 0, java_request(**ECHO))]
    assert replies("java27-readonly.s2c.bin") == [
        value(0),
        (MessageType.EVENT, 0, Status.OK, None, {"event": "READONLY"}),
    ]


def test_the_group_is_an_attachment():
    echo = {
        "interface": SERVICE,
        "path": SERVICE,
        "version": "1.0",
        "group": "SOFA",
        "dubbo": "5.3.0",
        "service": "org.corpus.DemoService:1.0",
        **ECHO,
    }
    assert calls("sofanode-nulls.c2s.bin") == [(MessageType.REQUEST, request_id, echo) for request_id in (2, 3, 4)]


def test_an_answer_without_its_kind_is_unreadable_and_the_others_are_not():
    *good, broken = recorded("sofanode-nulls.s2c.bin")
    assert replies("sofanode-nulls.s2c.bin")[:2] == [value(2, dubbo=False), value(3, dubbo=False)]
    assert [metadata.error for metadata in good] == [None, None]
    assert (broken.message_type, broken.request_id, broken.error.offset) == (MessageType.RESPONSE, 4, 16)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("pieces", ["chunks", "single_bytes"])
def test_pieces_of_any_size_give_the_same_messages(name, pieces):
    recording = Recording(VECTORS / name)
    whole = decode(DubboCodec(), recording.direction, [recording.data])
    assert decode(DubboCodec(), recording.direction, getattr(recording, pieces)) == whole
