"""Hypothesis strategies for valid Thrift messages, for the conformance kit: every type, protocol and transport.

They are written from the specifications, and use nothing of the codec but its options.
"""

from metaprotocol_codecs.thrift.strategies.messages import messages

__all__ = ["messages"]
