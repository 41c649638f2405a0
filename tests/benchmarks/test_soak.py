"""The soak finds memory that grows, and its traffic is answered as it must be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from live_envoy import RELEASES, NotAvailable
from patience import PATIENCE
from required import require

from benchmarks.soak.watch import Moment, growth, is_flat

ROOT = Path(__file__).parents[2]
MIB = 1 << 20


def moments(*resident):
    return [Moment(at, 0, mib * MIB, 0, 0) for at, mib in enumerate(resident)]


def test_memory_that_was_warm_in_the_second_quarter_is_flat():
    seen = moments(50, 110, 120, 121, 119, 120, 122, 120)
    assert growth(seen) == (120.5 * MIB, 121 * MIB)
    assert is_flat(seen)


def test_memory_that_goes_on_growing_is_not():
    assert not is_flat(moments(50, 110, 120, 125, 130, 135, 140, 145))


@pytest.mark.live
@pytest.mark.parametrize(
    ("release", "options"),
    [*((release, []) for release in RELEASES), (RELEASES[-1], ["--governed"])],
    ids=[*(f"envoy-{release}" for release in RELEASES), "all of governance"],
)
def test_every_reply_is_the_one_to_its_request(release, options):
    try:
        release.binary()
    except NotAvailable as error:
        require("envoy", str(error))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--minutes", "0.05", "--envoy", str(release), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    # How much memory it takes to become warm, and how long, is not for these few seconds to say.
    assert "no wrong reply" in done.stdout, done.stderr
    assert done.stderr in {"", "the memory grows\n"}
