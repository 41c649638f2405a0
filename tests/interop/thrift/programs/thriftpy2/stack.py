"""The protocol and transport that a command line asks for, in PyPI's thriftpy2, and the code made of the IDL."""

import os

import thriftpy2
from thriftpy2.protocol import TBinaryProtocol, TCompactProtocol, TCyBinaryProtocol
from thriftpy2.protocol.apache_json import TApacheJSONProtocol
from thriftpy2.transport import (
    TBufferedTransportFactory,
    TCyBufferedTransportFactory,
    TCyFramedTransportFactory,
    TFramedTransportFactory,
)

peers = thriftpy2.load(os.environ["PEERS_IDL"], module_name="peers_thrift")

# The Cython protocol wants a Cython transport; the others are in Python.
_CLASSES = {"binary": TCyBinaryProtocol, "compact": TCompactProtocol, "json": TApacheJSONProtocol}
_TRANSPORTS = {
    ("binary", "buffered"): TCyBufferedTransportFactory,
    ("binary", "framed"): TCyFramedTransportFactory,
    ("compact", "buffered"): TBufferedTransportFactory,
    ("compact", "framed"): TFramedTransportFactory,
    ("json", "buffered"): TBufferedTransportFactory,
    ("json", "framed"): TFramedTransportFactory,
}


def telling(protocol_class, tell):
    """Return the class with a `tell` of every message: "sent" or "received", its name, type and sequence id."""

    class Telling(protocol_class):
        def write_message_begin(self, name, ttype, seqid):
            tell("sent", name, ttype, seqid)
            super().write_message_begin(name, ttype, seqid)

        def read_message_begin(self):
            name, ttype, seqid = super().read_message_begin()
            tell("received", name, ttype, seqid)
            return name, ttype, seqid

    return Telling


class _Factory:
    def __init__(self, protocol, options, tell):
        # Only the protocol in Python writes non-strict messages that it can read again.
        nonstrict = "nonstrict" in options
        self._class = telling(TBinaryProtocol if nonstrict else _CLASSES[protocol], tell)
        self._arguments = {"strict_read": False, "strict_write": False} if nonstrict else {}

    def get_protocol(self, transport):
        return self._class(transport, **self._arguments)


def factories(protocol, transport, options, tell):
    """Return what makes transports and what makes protocols."""
    made = {"buffered": TBufferedTransportFactory, "framed": TFramedTransportFactory}
    transports = made[transport] if "nonstrict" in options else _TRANSPORTS[protocol, transport]
    return transports(), _Factory(protocol, options, tell)
