"""The TCP connections of a packet capture, as `metaprotocol inspect` reads them.

    from metaprotocol_cli.capture import Data, read_connections

    with open("trace.pcapng", "rb") as file:
        for connection, direction, event in read_connections(file, port=20880):
            if isinstance(event, Data):
                print(connection.client, direction, event.data)

Captures are pcap or pcapng. They are read as a stream: memory is bounded, whatever the file's size and whatever is
in it. `frames` and `pcapng` take the file apart, `packets` one packet; `reassembly` puts one direction of a
connection together, and `connections` knows which direction that is.
"""

from metaprotocol_cli.capture.connections import CaptureEvent, Connection, ConnectionTracker, read_connections
from metaprotocol_cli.capture.errors import CaptureError
from metaprotocol_cli.capture.frames import is_capture
from metaprotocol_cli.capture.reassembly import Data, End, EndReason, Gap, StreamEvent, StreamReassembler
from metaprotocol_cli.capture.report import CaptureReport, SkipReason

__all__ = [
    "CaptureError",
    "CaptureEvent",
    "CaptureReport",
    "Connection",
    "ConnectionTracker",
    "Data",
    "End",
    "EndReason",
    "Gap",
    "SkipReason",
    "StreamEvent",
    "StreamReassembler",
    "is_capture",
    "read_connections",
]
