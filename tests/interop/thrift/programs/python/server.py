"""A server of PyPI's thrift: server.py PROTOCOL TRANSPORT OPTIONS. It ends when its standard input does."""

import json
import os
import sys
import threading

from peers import Library, Museum
from peers.ttypes import Refused
from stack import factories
from thrift.server.TServer import TThreadedServer
from thrift.TMultiplexedProcessor import TMultiplexedProcessor
from thrift.transport.TSocket import TServerSocket

connection = threading.local()  # a thread serves a connection


class LibraryHandler:
    def __init__(self):
        self._notifications = []

    def ping(self):
        pass

    def greet(self, name):
        return f"greet: {name}"

    def salute(self, name):
        return f"salute: {name}"

    def mirror(self, value):
        return value

    def reverse(self, data):
        return data[::-1]

    def nested(self, value, tag):
        return value

    def refuse(self, code):
        raise Refused(code=code, reason="refused by request", trace=["here", "there"])

    def fail(self, reason):
        raise ValueError(reason)

    def notify(self, text):
        self._notifications.append(text)

    def notifications(self):
        told, self._notifications = self._notifications, []
        return told

    def headers(self):
        get_headers = getattr(connection.protocol.trans, "get_headers", dict)
        return {key.decode(): value.decode() for key, value in get_headers().items()}


class MuseumHandler:
    def ping(self):
        pass

    def greet(self, name):
        return f"museum: {name}"


class RemembersProtocol:
    """Keeps at hand what the handler is not told: the protocol of its call, which knows THeader's headers."""

    def process(self, iprot, oprot):
        connection.protocol = iprot
        return super().process(iprot, oprot)


class LibraryProcessor(RemembersProtocol, Library.Processor):
    pass


class BothProcessor(RemembersProtocol, TMultiplexedProcessor):
    pass


class Listener(TServerSocket):
    def listen(self):
        super().listen()
        sys.stdout.write(json.dumps({"listening": self.handle.getsockname()[1]}) + "\n")
        sys.stdout.flush()


def end_with_standard_input():
    sys.stdin.read()
    os._exit(0)


def main(protocol, transport, options):
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    options = options.split(",")
    if "multiplexed" in options:
        processor = BothProcessor()
        processor.registerProcessor("Library", Library.Processor(LibraryHandler()))
        processor.registerProcessor("Museum", Museum.Processor(MuseumHandler()))
    else:
        processor = LibraryProcessor(LibraryHandler())
    transports, protocols = factories(protocol, transport, options, lambda *message: None)
    TThreadedServer(processor, Listener("127.0.0.1", 0), transports, protocols, daemon=True).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
