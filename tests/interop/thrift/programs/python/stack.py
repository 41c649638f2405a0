"""The protocol and transport that a command line asks for, in PyPI's thrift."""

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated
from thrift.protocol.TCompactProtocol import TCompactProtocolAccelerated
from thrift.protocol.THeaderProtocol import THeaderProtocol, THeaderProtocolFactory
from thrift.protocol.TJSONProtocol import TJSONProtocol
from thrift.transport.THeaderTransport import THeaderClientType, THeaderSubprotocolID, THeaderTransformID
from thrift.transport.TTransport import TBufferedTransportFactory, TFramedTransportFactory

_CLASSES = {"binary": TBinaryProtocolAccelerated, "compact": TCompactProtocolAccelerated, "json": TJSONProtocol}
_SUBPROTOCOLS = {"binary": THeaderSubprotocolID.BINARY, "compact": THeaderSubprotocolID.COMPACT}


def telling(protocol_class, tell):
    """Return the class with a `tell` of every message: "sent" or "received", its name, type and sequence id."""

    class Telling(protocol_class):
        def writeMessageBegin(self, name, ttype, seqid):  # noqa: N802
            tell("sent", name, ttype, seqid)
            super().writeMessageBegin(name, ttype, seqid)

        def readMessageBegin(self):  # noqa: N802
            name, ttype, seqid = super().readMessageBegin()
            tell("received", name, ttype, seqid)
            return name, ttype, seqid

    return Telling


class _Factory:
    def __init__(self, protocol, options, tell):
        self._class = telling(_CLASSES[protocol], tell)
        strict = "nonstrict" not in options
        self._arguments = {"strictRead": strict, "strictWrite": strict} if protocol == "binary" else {}

    def getProtocol(self, transport):  # noqa: N802
        return self._class(transport, **self._arguments)


# A server takes this base class for the sign that it has to answer through the protocol that it reads from.
class _HeaderFactory(THeaderProtocolFactory):
    def __init__(self, protocol, options, tell):
        self._class = telling(THeaderProtocol, tell)
        self._subprotocol = _SUBPROTOCOLS[protocol]
        self._compresses = "zlib" in options

    def getProtocol(self, transport):  # noqa: N802
        protocol = self._class(transport, (THeaderClientType.HEADERS,), self._subprotocol)
        if self._compresses:
            protocol.add_transform(THeaderTransformID.ZLIB)
        return protocol


def factories(protocol, transport, options, tell):
    """Return what makes transports and what makes protocols."""
    if transport == "header":
        return TBufferedTransportFactory(), _HeaderFactory(protocol, options, tell)
    made = {"buffered": TBufferedTransportFactory, "framed": TFramedTransportFactory}[transport]()
    return made, _Factory(protocol, options, tell)
