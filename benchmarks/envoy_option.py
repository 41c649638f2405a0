"""The option that chooses the Envoy of a benchmark."""

from __future__ import annotations

import click
from live_envoy import RELEASES, Release


def _release(_ctx: click.Context, _param: click.Parameter, value: str) -> Release:
    return next(one for one in RELEASES if str(one) == value)


envoy_option = click.option(
    "--envoy",
    "release",
    type=click.Choice([str(one) for one in RELEASES]),
    default=str(RELEASES[-1]),
    show_default=True,
    callback=_release,
)
