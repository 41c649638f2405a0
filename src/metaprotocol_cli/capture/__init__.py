"""The TCP connections of a packet capture, as `metaprotocol inspect` reads them.

    from metaprotocol_cli.capture import Data, read_connections

    with open("trace.pcapng", "rb") as file:
        for connection, direction, event in read_connections(file, port=20880):
            if isinstance(event, Data):
                print(connection.client, direction, event.data)

Captures are pcap or pcapng. They are read as a stream: memory is bounded, whatever the size and content of the file.
`frames` and `pcapng` read the file, `packets` one packet, `reassembly` one direction of a connection, and `connections`
both directions of all connections.
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
