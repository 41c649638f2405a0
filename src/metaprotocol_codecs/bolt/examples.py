"""Valid messages of each kind, for the conformance kit, fuzzing and the docs."""

from collections.abc import Iterator

from metaprotocol_codecs.bolt import wire
from metaprotocol_codecs.hessian2.draft import EXCEPTION, SOFA_REQUEST, SOFA_RESPONSE, write_exception
from metaprotocol_sdk import Direction

_SERVICE = "org.example.Greeter:1.0"
# Objects as sofa-hessian-node writes them.
_CONTENT = (
    b"O\xbc" + SOFA_REQUEST + b"\x95\nmethodName\rmethodArgSigs\x17targetServiceUniqueName\rtargetAppName"
    b"\x0crequestPropso\x90\x05helloVt\x00\x11[java.lang.Stringn\x01\x10java.lang.Stringz"
    b"\x17org.example.Greeter:1.0\x03appMz\x05world"
)
_ANSWER = b"O\xbe" + SOFA_RESPONSE + b"\x94\x07isError\x08errorMsg\x0bappResponse\rresponsePropso\x90FN\x05helloN"


def examples() -> Iterator[tuple[Direction, bytes]]:
    """Yield the messages, as SOFARPC would write them, in each form of the header."""
    names = {"sofa_head_method_name": "hello", "sofa_head_target_service": _SERVICE}
    headers = _headers(service=_SERVICE, **{"rpc_trace_context.sofaTraceId": "0a0fe8ec15"}, user="Zoë")
    protobuf, failed = _headers(service=_SERVICE, **names), _headers(sofa_head_response_error="true")
    for form in ((1, 0, 0), (2, 1, 0), (2, 2, 0), (2, 2, 1)):
        for number, codec, kind, command, outcome, *parts in (
            (1, wire.HESSIAN2, wire.REQUEST, wire.RPC_REQUEST, 3000, SOFA_REQUEST, headers, _CONTENT),
            (1, wire.HESSIAN2, wire.RESPONSE, wire.RPC_RESPONSE, 0, SOFA_RESPONSE, b"", _ANSWER),
            (2, wire.PROTOBUF, wire.REQUEST, wire.RPC_REQUEST, 3000, SOFA_REQUEST, protobuf, b"\n\x05world"),
            (2, wire.PROTOBUF, wire.RESPONSE, wire.RPC_RESPONSE, 0, SOFA_RESPONSE, failed, b"it failed"),
            (3, wire.HESSIAN2, wire.ONEWAY, wire.RPC_REQUEST, 3000, SOFA_REQUEST, headers, _CONTENT),
            (4, wire.HESSIAN2, wire.RESPONSE, wire.RPC_RESPONSE, 2, EXCEPTION, b"", write_exception("no memory")),
            (5, wire.HESSIAN2, wire.REQUEST, wire.HEARTBEAT, 1000),
            (5, wire.HESSIAN2, wire.RESPONSE, wire.HEARTBEAT, 0),
        ):
            header = wire.Header(*form[:2], kind, command, number, codec, form[2], outcome, 0, 0, 0, 0)
            direction = Direction.TO_CLIENT if kind == wire.RESPONSE else Direction.TO_SERVER
            yield direction, wire.write_message(header, *parts)


def _headers(**values: str) -> bytes:
    return b"".join(wire.write_header(key, value) for key, value in values.items())
