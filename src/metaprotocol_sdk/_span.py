"""Which bytes of a message are which field."""

from attrs import frozen


@frozen
class Span:
    """One field of one message, for a person who reads the bytes.

    The spans of a message are in order, do not overlap, and together cover it.

    Args:
        start: Index of the field's first byte in the message.
        end: Index after its last byte.
        name: The field's name.
        value: What the bytes hold, as text; "" where the bytes speak for themselves.
        meaning: What the value stands for, such as the name of a status number; "" if nothing.
    """

    start: int
    end: int
    name: str
    value: str = ""
    meaning: str = ""
