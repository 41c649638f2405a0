"""A client of PyPI's thrift: client.py PORT PROTOCOL TRANSPORT OPTIONS CALL...

It prints a JSON object a line: a message that its library wrote or read, or what came of a call.
"""

import json
import sys

from peers import Library, Museum
from peers.constants import EVERYTHING, TEXT
from peers.ttypes import Refused
from stack import factories
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.Thrift import TApplicationException
from thrift.transport.TSocket import TSocket

EVERYTHING.raw = bytes(range(256))
DATA = bytes(index * 7 & 255 for index in range(100_000))
NESTED = {"outer": {"inner": [1, 300, -9007199254740991], "more": [7]}, "other": {"only": [0]}}


def say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def tell(way, name, ttype, seqid):
    say(message=way, method=name, type=ttype, seqid=seqid)


def main(port, protocol, transport, options, *calls):
    options = options.split(",")
    transports, protocols = factories(protocol, transport, options, tell)
    trans = transports.getTransport(TSocket("127.0.0.1", int(port)))
    prot = protocols.getProtocol(trans)
    multiplexed = "multiplexed" in options
    library = Library.Client(TMultiplexedProtocol(prot, "Library") if multiplexed else prot)
    museum = Museum.Client(TMultiplexedProtocol(prot, "Museum") if multiplexed else prot)

    def headers():
        if transport == "header":
            prot.set_header(b"client", b"python")
        return library.headers()

    made = {
        "ping": library.ping,
        "greet": lambda: library.greet(TEXT),
        "museum": lambda: museum.greet(TEXT),
        "mirror": lambda: library.mirror(EVERYTHING) == EVERYTHING,
        "reverse": lambda: library.reverse(DATA) == DATA[::-1],
        "nested": lambda: library.nested(NESTED, None) == NESTED,
        "refuse": lambda: library.refuse(42),
        "fail": lambda: library.fail("by request"),
        "notify": lambda: library.notify(TEXT),
        "notifications": library.notifications,
        "headers": headers,
    }
    trans.open()
    for call in calls:
        try:
            outcome = {"outcome": "ok", "result": made[call]()}
        except Refused as refused:
            outcome = {"outcome": "Refused", "result": [refused.code, refused.reason, refused.trace]}
        except TApplicationException as error:
            outcome = {"outcome": "TApplicationException", "type": error.type, "text": error.message}
        if transport == "header":
            outcome["headers"] = {key.decode(): value.decode() for key, value in prot.get_headers().items()}
        say(call=call, **outcome)
    trans.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
