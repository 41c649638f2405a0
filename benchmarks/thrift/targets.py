"""The promised ratios of the Thrift codec."""

from __future__ import annotations

from benchmarks.model import OURS, Target
from benchmarks.thrift.decoding import CHECKED, TRUSTED, UNFRAMED
from benchmarks.thrift.messages import KINDS, MEDIUM, PROTOCOLS
from benchmarks.thrift.messages import SMALL as SMALL_CALL
from benchmarks.thrift.peers import ACCELERATED, CYTHON, PROTOTYPE
from benchmarks.thrift.scanning import BYTEWISE, LARGE, SMALL

TARGETS = (
    *(
        Target(
            f"a trusted frame, {kind.name}: {peer.name} takes {least:g} times",
            TRUSTED,
            (f"binary, {kind.name}", peer.name),
            (f"binary, {kind.name}", OURS),
            least=least,
        )
        for kind in (SMALL_CALL, MEDIUM)
        for peer, least in ((CYTHON, 1.5), (ACCELERATED, 8))
    ),
    *(
        Target(
            f"{name}, {protocol}, {kind.name}: at most 1.3 times the prototype",
            name,
            (f"{protocol}, {kind.name}", OURS),
            (f"{protocol}, {kind.name}", PROTOTYPE),
            most=1.3,
        )
        for name in (CHECKED, UNFRAMED)
        for protocol in PROTOCOLS
        for kind in KINDS
    ),
    *(
        Target(
            f"byte by byte, {protocol}: a byte of 100 KB costs at most twice one of 500",
            BYTEWISE,
            (f"{protocol}, {LARGE.name}", OURS),
            (f"{protocol}, {SMALL.name}", OURS),
            most=2,
        )
        for protocol in PROTOCOLS
    ),
)
