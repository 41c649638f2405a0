"""Write the codec of a private protocol once, prove it in CI, run it in a service mesh.

This is the package that a codec's author imports. It does no input or output: bytes come in, `Metadata` goes out, and
bytes come back with a `Mutation` applied.
"""

from metaprotocol_sdk._codec import Codec, StreamCodec
from metaprotocol_sdk._decoder import MessageDecoder
from metaprotocol_sdk._enums import (
    Capability,
    Correlation,
    Direction,
    ErrorType,
    MessageType,
    Status,
    UpstreamConnection,
)
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
from metaprotocol_sdk._framing import Framing, HeaderLength, LengthField, LongerHeader, Scanner
from metaprotocol_sdk._layout import Layout
from metaprotocol_sdk._limits import Limits
from metaprotocol_sdk._metadata import ClosingReply, Error, Metadata, Mutation
from metaprotocol_sdk._registry import (
    ENTRY_POINT_GROUP,
    CodecInfo,
    available_codecs,
    load_codec,
    load_codec_class,
    register_codec,
    unregister_codec,
)
from metaprotocol_sdk._span import Span

__all__ = [
    "ENTRY_POINT_GROUP",
    "Capability",
    "ClosingReply",
    "Codec",
    "CodecConflict",
    "CodecInfo",
    "CodecLoadError",
    "CodecNotFound",
    "Correlation",
    "DecodeError",
    "Direction",
    "EncodeError",
    "Error",
    "ErrorType",
    "Framing",
    "FramingError",
    "HeaderLength",
    "IncompleteMessage",
    "Layout",
    "LengthField",
    "LimitExceeded",
    "Limits",
    "LongerHeader",
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
    "StreamCodec",
    "UnsupportedMutation",
    "UpstreamConnection",
    "available_codecs",
    "load_codec",
    "load_codec_class",
    "register_codec",
    "unregister_codec",
]

# Tracebacks, reprs and pickles name the place that people import from, not the module of the definition.
for _public in [globals()[name] for name in __all__ if not name.isupper()]:
    _public.__module__ = __name__
