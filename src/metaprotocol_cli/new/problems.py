"""What is wrong with the answers, all of it at once."""

from __future__ import annotations


class AnswersError(Exception):
    """The answers make no project.

    Args:
        problems: Each a sentence: what was given, and what is expected.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
