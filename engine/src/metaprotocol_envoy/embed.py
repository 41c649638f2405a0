"""The one module that the C half imports."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from metaprotocol_envoy import fit
from metaprotocol_envoy.connection import connect
from metaprotocol_envoy.filters import FilterRunner
from metaprotocol_envoy.log import Rationed, report
from metaprotocol_envoy.service import Service
from metaprotocol_envoy.settings import Settings, SettingsError
from metaprotocol_envoy.statistics import IN_FLIGHT, NAMES
from metaprotocol_sdk import RegistryError

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["DeadlineExceeded", "check_fit", "connect", "late", "load", "load_filter", "start"]

_LATE = Rationed()


class _Native:
    """The C half."""

    fits = False


def check_fit(digest: str) -> str:
    """Return why the C half must not go on, or "". It calls this first of all.

    Args:
        digest: Of its sources.
    """
    try:
        fit.check(digest)
    except fit.DoesNotFit as error:
        return str(error)
    _Native.fits = True
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = report_failure
    return ""


def report_failure(failure: UnraisableHookArgs) -> None:
    """Write what the C half has no caller to raise it to: a line for an operator's mistake, a trace for a bug.

    Args:
        failure: The exception.
    """
    if isinstance(failure.exc_value, (SettingsError, RegistryError, fit.DoesNotFit)):
        report(str(failure.exc_value))
    else:
        sys.__unraisablehook__(failure)


def _require_fit() -> None:
    if not _Native.fits:  # a C half from before there was `check_fit`
        fit.check("")


class DeadlineExceeded(BaseException):
    """Raised by the C half in a call that takes too long."""


def late() -> None:
    """Report that a call was ended; the C half calls this when it is over."""
    _LATE.report("a codec or a filter took longer than codec_deadline; its connection ends")


def spare_the_collector() -> None:
    """Let the collector of cycles look only at objects of requests, and not after every few requests.

    What a request needs holds no cycles and is freed when it ends. With CPython's own setting, a collection for each
    ten requests takes 3 % of the processor's time. Each codec that is loaded later comes here again, and the code of
    those that have gone is collected.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def load(text: str) -> Service:
    """Read the configuration of a listener filter and load its codec.

    Args:
        text: The `filter_config`, the same as a codec filter's.
    """
    _require_fit()
    return Service(Settings.parse(text))


def load_filter(text: str) -> FilterRunner:
    """Read the configuration of an HTTP filter `python`, and load the filter that it names.

    Args:
        text: The `filter_config`.
    """
    _require_fit()
    return FilterRunner.parse(text)


def start(text: str) -> tuple[object, ...]:
    """Read a filter's configuration and load its codec.

    Args:
        text: The `filter_config`.

    Returns:
        The service; True if replies keep the order of their requests; True if requests leave one by one; True if
        other protocols pass; `max_in_flight`; `max_held`; the limits of the process for requests, bytes and silent
        connections; the deadline in milliseconds; the headers of requests that never count as properties, by name and
        by beginning; those of responses; the names of the counters and of the gauge.

    Raises:
        DoesNotFit: The C half is too old.
        SettingsError: The text cannot be used.
        RegistryError: The codec cannot be loaded.
    """
    _require_fit()
    settings = Settings.parse(text)
    service = Service(settings)
    spare_the_collector()
    ignored = [service.request_rules, service.response_rules]
    sets = [tuple(sorted(names)) for rules in ignored for names in (rules.ignored, rules.ignored_prefixes)]
    return (
        service,
        service.in_order,
        service.one_by_one,
        settings.foreign == "pass",
        settings.max_in_flight,
        settings.max_held,
        settings.max_process_requests,
        settings.max_process_bytes,
        settings.max_silent,
        settings.codec_deadline,
        *sets,
        NAMES,
        IN_FLIGHT,
    )
