"""Options that several commands have: `--codec NAME`, `--option KEY=VALUE`, `--when KEY=VALUE`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from metaprotocol_sdk import Codec, Limits, load_codec, load_codec_class

if TYPE_CHECKING:
    from collections.abc import Callable

_LIMITS = frozenset(field.name for field in attrs.fields(Limits))


option_option = click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the codec, or a limit such as max_message_size=8388608. Repeatable.",
)


def codec_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument CODEC to a command, as `name`."""
    return click.argument("name", metavar="CODEC", callback=_search_current_folder)(function)


def codec_options(*, required: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds `--codec` and `--option` to a command.

    Args:
        required: True if the command needs a codec.
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        return click.option(
            "--codec",
            "codec_name",
            required=required,
            metavar="NAME",
            callback=_search_current_folder,
            help="A codec that `metaprotocol codecs` lists, or package.module:Class, also of the current folder.",
        )(option_option(function))

    return add


def search_current_folder() -> None:
    """Let modules of the current folder be imported: a codec that is being written is there, and not installed."""
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _search_current_folder(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Let a class of the current folder be named."""
    if value is not None and ":" in value:  # a name is looked up among installed codecs only
        search_current_folder()
    return value


def codec_from(name: str, options: tuple[str, ...], **more: object) -> Codec:
    """Return the codec that the command line asks for.

    Args:
        name: Its name, or package.module:Class.
        options: The values of `--option`.
        more: Options that have a flag of their own.

    Raises:
        RegistryError: There is none, or it does not take these options.
        click.BadParameter: An option is not KEY=VALUE, or a limit is not a whole number.
    """
    return load_codec(name, **{**more, **arguments_from(name, options)})


def arguments_from(name: str, options: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments of the codec's class that the command line asks for.

    Raises:
        RegistryError: There is no such codec.
        click.BadParameter: An option is not KEY=VALUE, or a limit is not a whole number.
    """
    given: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for option in options:
        key, value = key_and_value(option, "--option")
        (limits if key in _LIMITS else given)[key] = _value(value)
    if limits:
        try:
            given["limits"] = attrs.evolve(load_codec_class(name).default_limits, **limits)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--option") from error
    return given


def conditions_from(texts: tuple[str, ...]) -> dict[str, str]:
    """Return the conditions that `--when` names, as values by key.

    Args:
        texts: The values of `--when`.

    Raises:
        click.BadParameter: One is not KEY=VALUE, has no value or a * in its key, or a key comes twice.
    """
    conditions: dict[str, str] = {}
    for text in texts:
        key, value = key_and_value(text, "--when")
        if "*" in key:
            raise click.BadParameter(
                f"{text!r} has a * in its key: only a value may end with one, as in KEY=VALUE*", param_hint="--when"
            )
        if not value:
            raise click.BadParameter(
                f"{text!r} has no value: write {key}=VALUE, or {key}=* for any", param_hint="--when"
            )
        if key in conditions:
            raise click.BadParameter(f"{key!r} has two values, and a request has one", param_hint="--when")
        conditions[key] = value
    return conditions


def key_and_value(text: str, option: str) -> tuple[str, str]:
    """Return the parts of KEY=VALUE.

    Args:
        text: The text.
        option: The option that it was given with, for the error.

    Raises:
        click.BadParameter: There is no =, or nothing before it.
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint=option)
    return key, value


def _value(text: str) -> bool | int | str:
    """Return a value as its type: true or false, a whole number, otherwise the text itself."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return text
