"""The fields of a message with their places."""

from attrs import frozen


@frozen
class Span:
    """One field of one message, for a person who reads the bytes.

    The spans of a message are in order, do not overlap, and together cover it.

    Args:
        start: Index of the field's first byte in the message.
        end: Index after its last byte.
        name: The field's name.
        value: The value that the bytes hold, as text; "" if the bytes say it themselves.
        meaning: The name of the value, such as that of a status number; "" if it has none.
    """

    start: int
    end: int
    name: str
    value: str = ""
    meaning: str = ""
