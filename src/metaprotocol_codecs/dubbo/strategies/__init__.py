"""Hypothesis strategies for valid Dubbo messages, for the conformance kit: every type of hessian2, in every form."""

from metaprotocol_codecs.dubbo.strategies.messages import messages

__all__ = ["deviations", "messages"]

deviations = {
    "MP-MUTATION-008": "a null, a reference or a missing map that got a key stays an empty map or a copy without it"
}
