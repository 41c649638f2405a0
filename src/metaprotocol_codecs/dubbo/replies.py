"""The answers that a mesh gives in a provider's place.

Source: Response and HeaderExchangeHandler of Apache Dubbo 2.7. Java picks the reader of a reply by the reply's own
serialization id, so an error is always in hessian2, whatever the client speaks.
"""

from __future__ import annotations

from struct import Struct

from metaprotocol_codecs.dubbo import header
from metaprotocol_codecs.dubbo.hessian2.scalar_writer import write_string
from metaprotocol_sdk import Error, ErrorType
from metaprotocol_sdk.error_codes import ErrorCodes

_write_header = Struct(">HBBQI").pack

ERRORS = ErrorCodes(
    {
        ErrorType.ROUTE_NOT_FOUND: 60,
        ErrorType.CLUSTER_NOT_FOUND: 60,
        ErrorType.BAD_RESPONSE: 50,
        ErrorType.TIMEOUT: 31,
        ErrorType.OVERFLOW: 100,
        ErrorType.OVER_LIMIT: 100,
        ErrorType.BAD_REQUEST: 40,
        ErrorType.UPSTREAM_RESET: 35,
        ErrorType.UNAUTHORIZED: 90,
    },
    default=80,
    maximum=0xFF,
    success=(header.OK,),
    # SERIALIZATION_ERROR: the provider could not write its answer. CLIENT_TIMEOUT: the call was not sent in time.
    reasons={25: ErrorType.BAD_RESPONSE, 30: ErrorType.TIMEOUT},
)
"""The status of each reason, and the reason of each status. SERVICE_ERROR and SERVER_ERROR give none."""


def error_reply(request_id: int, error: Error) -> bytes:
    """Return the response that reports an error.

    Args:
        request_id: The id of the request it answers.
        error: What to report; its code is a status from 0 to 255, but not 20, which is success.

    Raises:
        EncodeError: The code is no such status.
    """
    body = write_string(error.message)
    return _write_header(0xDABB, header.HESSIAN2, ERRORS.code(error), request_id, len(body)) + body


def heartbeat_reply(request_id: int, serialization: int, null: bytes) -> bytes:
    """Return the response to a heartbeat.

    Args:
        request_id: The id of the heartbeat.
        serialization: The id of its serialization, 0 to 31.
        null: How that serialization writes null: the heartbeat's own body.
    """
    return _write_header(0xDABB, header.EVENT | serialization, header.OK, request_id, len(null)) + null
