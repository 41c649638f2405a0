"""A client of PyPI's thriftpy2: client.py PORT PROTOCOL TRANSPORT OPTIONS CALL...

It prints a JSON object a line: a message that its library wrote or read, or what came of a call.
"""

import json
import sys

from stack import factories, peers
from thriftpy2.protocol.multiplex import TMultiplexedProtocol
from thriftpy2.thrift import TApplicationException, TClient
from thriftpy2.transport import TSocket

# The library leaves structs in lists of a constant as dictionaries, and reads sets as lists.
EVERYTHING = peers.EVERYTHING
EVERYTHING.points = [peers.Point(**point) for point in EVERYTHING.points]
EVERYTHING.shape.line = [peers.Point(**point) for point in EVERYTHING.shape.line]
EVERYTHING.words, EVERYTHING.none = list(EVERYTHING.words), list(EVERYTHING.none)
EVERYTHING.raw = bytes(range(256))
DATA = bytes(index * 7 & 255 for index in range(100_000))
NESTED = {"outer": {"inner": [1, 300, -9007199254740991], "more": [7]}, "other": {"only": [0]}}


def say(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def tell(way, name, ttype, seqid):
    say(message=way, method=name, type=ttype, seqid=seqid)


def main(port, protocol, transport, options, *calls):
    # Its JSON protocol reads one message and then gives it again and again.
    if protocol == "json" and len(calls) > 1:
        for call in calls:
            main(port, protocol, transport, options, call)
        return
    transports, protocols = factories(protocol, transport, options.split(","), tell)
    trans = transports.get_transport(TSocket("127.0.0.1", int(port)))
    prot = protocols.get_protocol(trans)
    multiplexed = "multiplexed" in options.split(",")
    library = TClient(peers.Library, TMultiplexedProtocol(prot, "Library") if multiplexed else prot)
    museum = TClient(peers.Museum, TMultiplexedProtocol(prot, "Museum") if multiplexed else prot)
    made = {
        "ping": library.ping,
        "greet": lambda: library.greet(peers.TEXT),
        "museum": lambda: museum.greet(peers.TEXT),
        "mirror": lambda: library.mirror(EVERYTHING) == EVERYTHING,
        "reverse": lambda: library.reverse(DATA) == DATA[::-1],
        "nested": lambda: library.nested(NESTED, None) == NESTED,
        "refuse": lambda: library.refuse(42),
        "fail": lambda: library.fail("by request"),
        "notify": lambda: library.notify(peers.TEXT),
        "notifications": library.notifications,
        "headers": library.headers,
    }
    trans.open()
    for call in calls:
        try:
            outcome = {"outcome": "ok", "result": made[call]()}
        except peers.Refused as refused:
            outcome = {"outcome": "Refused", "result": [refused.code, refused.reason, refused.trace]}
        except TApplicationException as error:
            outcome = {"outcome": "TApplicationException", "type": error.type, "text": error.message}
        say(call=call, **outcome)
    trans.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
