"""The error that lists all problems of the answers."""

from __future__ import annotations


class AnswersError(Exception):
    """The answers do not describe a project.

    Args:
        problems: A sentence for each: the given value and the expected one.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
