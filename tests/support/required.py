"""Needs of tests that not every machine meets: the test is skipped, or fails where it must not be."""

import os
import signal
from pathlib import Path
from typing import NoReturn

import pytest

needs_sighup = pytest.mark.skipif(
    signal.getsignal(signal.SIGHUP) is signal.SIG_IGN, reason="SIGHUP is ignored here, as by nohup"
)
"""Marks a test whose command is ended by SIGHUP: commands that nohup has started go on."""


def require(name: str, reason: str) -> NoReturn:
    """Skip the running test, or fail it if METAPROTOCOL_REQUIRE (names, comma separated) has this name.

    Args:
        name: What is missing, in one word: "corpus", "index".
        reason: The same in one sentence, for a person.
    """
    required = {word.strip() for word in os.environ.get("METAPROTOCOL_REQUIRE", "").split(",")}
    if name in required:
        pytest.fail(f"{reason} (METAPROTOCOL_REQUIRE asks for {name})", pytrace=False)
    pytest.skip(reason)


def cases_folder() -> Path | None:
    """Return the folder with the inputs of public situations, which METAPROTOCOL_CASES names; None without it."""
    variable = os.environ.get("METAPROTOCOL_CASES")
    return Path(variable) if variable else None
