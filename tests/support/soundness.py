"""Metadata whose error matters to a test, whether `decode` raised the error or returned it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metaprotocol_sdk import Metadata


def sound(metadata: Metadata) -> Metadata:
    """Return metadata, or raise its error."""
    if metadata.error is not None:
        raise metadata.error
    return metadata
