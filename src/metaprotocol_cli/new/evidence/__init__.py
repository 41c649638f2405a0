"""Looks for the places of the length and of the id in recorded streams."""

from metaprotocol_cli.new.evidence.conversations import read_conversations
from metaprotocol_cli.new.evidence.ids import IdField, find_ids
from metaprotocol_cli.new.evidence.lengths import LengthField, find_lengths
from metaprotocol_cli.new.evidence.suggestions import suggest

__all__ = ["IdField", "LengthField", "find_ids", "find_lengths", "read_conversations", "suggest"]
