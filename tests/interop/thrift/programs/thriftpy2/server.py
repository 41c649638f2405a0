"""A server of PyPI's thriftpy2: server.py PROTOCOL TRANSPORT OPTIONS. It ends when its standard input does."""

import json
import os
import sys
import threading

from stack import factories, peers
from thriftpy2.server import TThreadedServer
from thriftpy2.thrift import TApplicationException, TMultiplexedProcessor, TProcessor
from thriftpy2.transport import TServerSocket


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
        raise peers.Refused(code=code, reason="refused by request", trace=["here", "there"])

    # On any other undeclared exception this library closes the connection without a reply.
    def fail(self, reason):
        raise TApplicationException(TApplicationException.INTERNAL_ERROR, reason)

    def notify(self, text):
        self._notifications.append(text)

    def notifications(self):
        told, self._notifications = self._notifications, []
        return told

    def headers(self):
        return {}


class MuseumHandler:
    def ping(self):
        pass

    def greet(self, name):
        return f"museum: {name}"


class Listener(TServerSocket):
    def listen(self):
        super().listen()
        sys.stdout.write(json.dumps({"listening": self.sock.getsockname()[1]}) + "\n")
        sys.stdout.flush()


def end_with_standard_input():
    sys.stdin.read()
    os._exit(0)


def main(protocol, transport, options):
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    options = options.split(",")
    processor = TProcessor(peers.Library, LibraryHandler())
    if "multiplexed" in options:
        library, processor = processor, TMultiplexedProcessor()
        processor.register_processor("Library", library)
        processor.register_processor("Museum", TProcessor(peers.Museum, MuseumHandler()))
    transports, protocols = factories(protocol, transport, options, lambda *message: None)
    TThreadedServer(processor, Listener("127.0.0.1", 0), transports, protocols, daemon=True).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
