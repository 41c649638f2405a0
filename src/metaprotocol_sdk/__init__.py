"""Write the codec of a private protocol once, prove it in CI, run it in a service mesh.

This is what a codec's author imports; everything public is here. The package does no input or output: bytes come in,
`Metadata` goes out, and bytes come back with a `Mutation` applied.
"""

from metaprotocol_sdk._codec import Codec
from metaprotocol_sdk._decoder import MessageDecoder
from metaprotocol_sdk._dump import DumpLine, dump, printable
from metaprotocol_sdk._enums import Capability, Correlation, Direction, ErrorType, MessageType, Status
from metaprotocol_sdk._errors import (
    CodecConflict,
    CodecLoadError,
    CodecNotFound,
    DecodeError,
    EncodeError,
    FramingError,
    IncompleteMessage,
    LimitExceeded,
    MetaProtocolError,
    ProtocolError,
    RegistryError,
    UnsupportedMutation,
)
from metaprotocol_sdk._framing import Framing, HeaderLength, LengthField, Scanner
from metaprotocol_sdk._layout import Layout, LayoutField
from metaprotocol_sdk._limits import Limits
from metaprotocol_sdk._metadata import Error, Metadata, Mutation
from metaprotocol_sdk._registry import (
    ENTRY_POINT_GROUP,
    CodecInfo,
    available_codecs,
    load_codec,
    load_codec_class,
)
from metaprotocol_sdk._span import Span

__all__ = [
    "ENTRY_POINT_GROUP",
    "Capability",
    "Codec",
    "CodecConflict",
    "CodecInfo",
    "CodecLoadError",
    "CodecNotFound",
    "Correlation",
    "DecodeError",
    "Direction",
    "DumpLine",
    "EncodeError",
    "Error",
    "ErrorType",
    "Framing",
    "FramingError",
    "HeaderLength",
    "IncompleteMessage",
    "Layout",
    "LayoutField",
    "LengthField",
    "LimitExceeded",
    "Limits",
    "MessageDecoder",
    "MessageType",
    "MetaProtocolError",
    "Metadata",
    "Mutation",
    "ProtocolError",
    "RegistryError",
    "Scanner",
    "Span",
    "Status",
    "UnsupportedMutation",
    "available_codecs",
    "dump",
    "load_codec",
    "load_codec_class",
    "printable",
]
