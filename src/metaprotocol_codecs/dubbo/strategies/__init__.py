"""Hypothesis strategies for valid Dubbo messages, for the conformance kit: every type of hessian2, in every form."""

from metaprotocol_codecs.dubbo.strategies.messages import messages

__all__ = ["messages"]
