"""Looks for the places of the length and of the id in recorded streams."""

from metaprotocol_cli.new.evidence.budget import Budget
from metaprotocol_cli.new.evidence.conversations import Conversation, read_conversations
from metaprotocol_cli.new.evidence.ids import IdField, find_ids
from metaprotocol_cli.new.evidence.lengths import LengthField, find_lengths, find_sums
from metaprotocol_cli.new.evidence.search import learn_lengths, sums_by_direction, whole_messages
from metaprotocol_cli.new.evidence.suggestions import suggest

__all__ = [
    "Budget",
    "Conversation",
    "IdField",
    "LengthField",
    "find_ids",
    "find_lengths",
    "find_sums",
    "learn_lengths",
    "read_conversations",
    "suggest",
    "sums_by_direction",
    "whole_messages",
]
