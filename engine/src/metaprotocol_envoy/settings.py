"""The settings of a codec filter, from its `filter_config`: text, one `key = value` a line.

It is the operator's text and no network's. The C half reads three keys of it, to start the interpreter; the rest is
read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import Attribute, field, fields, frozen

from metaprotocol_envoy.changes import TRACING

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERPRETER_KEYS = frozenset({"libpython", "home", "path"})
"""Read by the C half: the shared library of CPython, its PYTHONHOME, and folders for sys.path, separated by `:`."""

MAX_HEADER_BLOCK = 1 << 20
"""The bytes of a request's headers that the C half writes, HTTP2_MAX_HEADER_BLOCK in http2.h."""


class SettingsError(ValueError):
    """A setting that cannot be used; the text names the key."""


def pairs(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the number, the key and the value of each line of a configuration.

    Args:
        text: Lines of `key = value`; empty lines and lines that begin with `#` say nothing.

    Raises:
        SettingsError: A line is something else.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise SettingsError(f"line {number} is not `key = value`: {line!r}")
        yield number, key, value


def _at_least_one(instance: object, attribute: Attribute[int], value: Any) -> None:
    if value < 1:
        raise SettingsError(f"{attribute.name} must be at least 1, not {value}")


def _at_most_one_block(instance: object, attribute: Attribute[int], value: Any) -> None:
    _at_least_one(instance, attribute, value)
    if value > MAX_HEADER_BLOCK:
        raise SettingsError(f"{attribute.name} must be at most {MAX_HEADER_BLOCK}, not {value}")


def _refuse_or_pass(instance: object, attribute: Attribute[str], value: Any) -> None:
    if value not in {"refuse", "pass"}:
        raise SettingsError(f'{attribute.name} must be "refuse" or "pass", not {value!r}')


@frozen(kw_only=True)
class Settings:
    """The settings of one codec filter.

    Args:
        codec: The codec's name, or "package.module:Class".
        code: A folder with a copy of the codec's package, which is loaded from there under module names of its own; the
            codec is a class then. "" takes the package that is installed.
        authority: The `:authority` of requests that name no service; `$dst` is the address that the client called.
        authority_property: The property that names the service of a request; "" if the authority is fixed.
        authority_suffix: Written after the property's value.
        incomplete: "refuse" answers requests whose properties may lack some with BAD_REQUEST; "pass" lets rules see
            `x-metaprotocol-incomplete: true`.
        unsupported_mutation: "refuse" answers a request with BAD_REQUEST if its message cannot carry a change of its
            headers, and a response with BAD_RESPONSE; "pass" sends the message as it came. Both count it.
        propagate: Tracing headers that are written into requests.
        max_headers: Headers of one request, the HCM's `max_headers_count`; more are refused.
        max_headers_size: Bytes of them all, the HCM's `max_request_headers_kb`; more are refused. At most 1 MiB, in
            which the names that the module adds must have room, too. One name or value has at most 64 KiB in any case.
        max_in_flight: Requests of one connection that Envoy has not done with; more are answered OVERFLOW.
        max_held: Bytes of one connection's requests that wait for an answer, before reading stops.
        max_process_requests: Requests of all connections that wait for an answer; more are answered OVERFLOW.
        max_process_bytes: Bytes of all their messages and answers, and of parts that have come of either; more are
            answered OVERFLOW, reading stops, and connections with a large part of a request are closed.
        max_silent: Connections of the process that have not sent a whole message yet; more are closed.
        codec_deadline: Milliseconds that one call into the codec may take.
        foreign: "refuse" closes a connection whose first bytes are no message of the protocol; "pass" hands it to the
            HTTP connection manager as it is.
    """

    codec: str
    code: str = ""
    authority: str = "metaprotocol"
    authority_property: str = ""
    authority_suffix: str = ""
    incomplete: str = field(default="refuse", validator=_refuse_or_pass)
    unsupported_mutation: str = field(default="refuse", validator=_refuse_or_pass)
    propagate: tuple[str, ...] = TRACING
    # Envoy's own bounds are 100 headers and 60 KiB. Pseudo headers, those of this module and those that filters add
    # need room.
    max_headers: int = field(default=80, validator=_at_least_one)
    max_headers_size: int = field(default=48 * 1024, validator=_at_most_one_block)
    # Envoy's HCM lets a connection have 1,024 streams unless it is told otherwise.
    max_in_flight: int = field(default=1024, validator=_at_least_one)
    max_held: int = field(default=64 * 1024 * 1024, validator=_at_least_one)
    max_process_requests: int = field(default=200_000, validator=_at_least_one)
    max_process_bytes: int = field(default=1024 * 1024 * 1024, validator=_at_least_one)
    max_silent: int = field(default=10_000, validator=_at_least_one)
    codec_deadline: int = field(default=1000, validator=_at_least_one)
    foreign: str = field(default="refuse", validator=_refuse_or_pass)

    @classmethod
    def parse(cls, text: str) -> Settings:
        """Read settings.

        Args:
            text: Lines of `key = value`; empty lines and lines that begin with `#` say nothing.

        Raises:
            SettingsError: A line is no setting, or names a key that there is not, or twice.
        """
        known = {attribute.name: attribute for attribute in fields(cls)}
        found: dict[str, Any] = {}
        for number, key, value in pairs(text):
            if key in INTERPRETER_KEYS:
                continue
            if key not in known:
                raise SettingsError(f"line {number}: there is no setting {key!r}; there are {', '.join(sorted(known))}")
            if key in found:
                raise SettingsError(f"line {number}: {key} is set twice")
            default = known[key].default
            if isinstance(default, tuple):
                found[key] = tuple(value.replace(",", " ").split())
            elif isinstance(default, int):
                if not (value.isascii() and value.isdigit()):
                    raise SettingsError(f"line {number}: {key} must be a whole number, not {value!r}")
                found[key] = int(value)
            else:
                found[key] = value
        if not found.get("codec"):
            raise SettingsError("no codec is named: a line such as `codec = dubbo` is missing")
        return cls(**found)
