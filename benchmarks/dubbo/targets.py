"""The promised ratios of the Dubbo codec.

That costs are flat is seen to a fifth: so much does the same code differ between two turns on a busy machine. The tests
of the SDK count its work exactly.
"""

from __future__ import annotations

from benchmarks.dubbo import decoding, framing, mutation
from benchmarks.dubbo.messages import BINARY, SMALL
from benchmarks.model import OURS, Target

_OURS = (SMALL.name, OURS)
_PYTHON_HESSIAN, _HESSIAN_CODEC, _DUBBO_SSL = (
    (SMALL.name, name) for name in ("python-hessian", "hessian-codec", "dubbo-ssl-python")
)

TARGETS = (
    Target("decode small: python-hessian takes 12 times", decoding.NAME, _PYTHON_HESSIAN, _OURS, least=12),
    Target("decode small: hessian-codec takes twice", decoding.NAME, _HESSIAN_CODEC, _OURS, least=2),
    Target("set a new key: dubbo-ssl-python takes 25 times", mutation.NEW_KEY, _DUBBO_SSL, _OURS, least=25),
    Target("replace a key: dubbo-ssl-python takes 12 times", mutation.REPLACED_KEY, _DUBBO_SSL, _OURS, least=12),
    Target("decode 120 KB: at most 3 times a small one", decoding.NAME, (BINARY.name, OURS), _OURS, most=3),
    Target(
        "byte by byte: a byte of 120 KB as one of a small one",
        framing.BYTEWISE,
        (BINARY.name, OURS),
        _OURS,
        most=1.2,
    ),
)
