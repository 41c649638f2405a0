"""What a relay does to the messages that it reads."""

from attrs import Factory, frozen

from metaprotocol_sdk import Error, Mutation


@frozen
class Rules:
    """What a relay changes, or answers.

    Args:
        request: What to change in requests to the server.
        response: What to change in the server's responses.
        reply: The error that answers every request in the server's place; None passes requests on.
    """

    request: Mutation = Factory(Mutation)
    response: Mutation = Factory(Mutation)
    reply: Error | None = None
