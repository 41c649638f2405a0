"""The codec to check, and the messages to try it on, from the command line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from metaprotocol_cli.options import arguments_from, search_current_folder
from metaprotocol_sdk import MetaProtocolError, load_codec, load_codec_class

if TYPE_CHECKING:
    from metaprotocol_sdk.testing import Subject


def subject_from(
    name: str, options: tuple[str, ...], messages: str | None, vectors: tuple[str, ...], effort: str
) -> Subject:
    """Return the codec under test, with the messages to try it on.

    Args:
        name: The codec, as `load_codec` takes it.
        options: Its options, each as KEY=VALUE.
        messages: The strategy for its messages, as "package.module:function"; None takes the one that its distribution
            provides, if there is one.
        vectors: Folders, or patterns, of recorded streams.
        effort: The name of an effort.

    Raises:
        RegistryError: There is no such codec, or it does not take these options.
        click.UsageError: Options, messages or vectors cannot be used.
    """
    from metaprotocol_sdk.testing import EFFORTS, Subject, provided_messages, read_vectors, strategy_at
    from metaprotocol_sdk.testing._watchdog import Endless, watchdog

    search_current_folder()
    arguments = arguments_from(name, options)
    codec = None
    try:
        codec = load_codec(name, **arguments)
    except MetaProtocolError:  # says what is wrong with them
        raise
    except (Exception, SystemExit):  # noqa: BLE001, S110 - a mistake of the codec, which a property reports
        pass
    codec_class = load_codec_class(name)
    make = partial(codec_class, **arguments) if arguments else codec_class
    try:
        strategy = None
        if codec is not None:
            strategy = strategy_at(messages, codec) if messages else provided_messages(name, codec)
        recorded = [connection for pattern in vectors for connection in read_vectors(make, pattern)]
    except (OSError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    subject = Subject(make, messages=strategy, vectors=recorded, effort=EFFORTS[effort])
    try:
        with watchdog(subject.effort.cpu_seconds) as limit, limit():
            subject.samples  # noqa: B018 - draws from the strategy for the first time
    except Endless as endless:
        said = str(endless) or "it does not end"
        raise click.UsageError(f"the codec cannot decode the messages to try it on: {said}") from endless
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return subject


def deviations_from(deviations: tuple[str, ...]) -> dict[str, str]:
    """Return the deviations that a command line declares, each as ID=REASON.

    Raises:
        click.BadParameter: One is not ID=REASON, or does not name a property.
    """
    from metaprotocol_sdk.testing import checked_deviations

    declared: dict[str, str] = {}
    for deviation in deviations:
        name, equals, reason = deviation.partition("=")
        if not equals:
            raise click.BadParameter(f"{deviation!r} is not ID=REASON", param_hint="--deviation")
        declared[name.strip().upper()] = reason.strip()
    try:
        return checked_deviations(declared)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--deviation") from error
