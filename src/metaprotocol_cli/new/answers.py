"""The answers that describe a header, and their defaults."""

from __future__ import annotations

import difflib
import re
import tomllib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from metaprotocol_cli.new import awesomerpc
from metaprotocol_cli.new.fields import Field, parse_values
from metaprotocol_cli.new.problems import AnswersError
from metaprotocol_cli.new.protocol import ROLES, Protocol, SplitId

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME_KEYS = ("project", "package", "author")
HEADER_KEYS = ("magic", "byte_order", "fields", *ROLES, "counts", "types", "statuses")
NONE = "none"
IN_ORDER = "in-order"


class Answers:
    """Answers by key, as text; `fields` is a list of texts.

    Args:
        given: The answers, by `HEADER_KEYS`.
        suggested: Defaults that come before those of AwesomeRPC's header.
    """

    def __init__(self, given: Mapping[str, Any], suggested: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.given = dict(given)
        self._suggested = dict(suggested)

    def __contains__(self, key: str) -> bool:
        return key in self.given

    def __getitem__(self, key: str) -> Any:
        return self.given[key] if key in self.given else self.default(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self.given[key] = value

    def default(self, key: str) -> Any:
        """Return the value of a key without an answer."""
        suggested = self._suggested.get(key)
        if key in ROLES:
            names = [field.name for field in self.fields()]
            if suggested is not None and (
                suggested == NONE or {*suggested.split("+")} <= {*names} or (key == "id" and SplitId.parse(suggested))
            ):
                return suggested
            added = self["length"].split("+") if key != "length" else []
            return next((name for name in awesomerpc.USUAL_NAMES[key] if name in names and name not in added), NONE)
        if suggested is not None:
            return suggested
        if key == "magic":
            return NONE if "fields" in self else awesomerpc.MAGIC
        if key == "counts" and self["length"].startswith("body"):
            return "body"
        return {
            "byte_order": awesomerpc.BYTE_ORDER,
            "fields": list(awesomerpc.FIELDS),
            "counts": awesomerpc.COUNTS,
            "types": awesomerpc.KINDS,
            "statuses": awesomerpc.STATUSES,
        }[key]

    def fields(self) -> list[Field]:
        """Return the fields after the magic.

        Raises:
            AnswersError: A text does not describe a field.
        """
        return [Field.parse(text) for text in self["fields"]]

    def protocol(self) -> Protocol:
        """Return the protocol that the answers describe.

        Raises:
            AnswersError: They do not describe one.
        """
        roles = {role: self[role] for role in ROLES if self[role] != NONE}
        split_id = SplitId.parse(roles.get("id", ""))
        in_order = roles.get("id") == IN_ORDER
        if split_id is not None or in_order:
            del roles["id"]
        *summed, length = roles.get("length", "").split("+")
        if length:
            roles["length"] = length
        if problems := [
            f"there are {values}, but no field is said to be the {role}"
            for role, values in (("type", "types"), ("status", "statuses"))
            if values in self and role not in roles
        ]:
            raise AnswersError(*problems)
        return Protocol(
            parse_magic(self["magic"]),
            self["byte_order"],
            tuple(self.fields()),
            roles,
            self["counts"],
            parse_values(self["types"]) if "type" in roles else {},
            parse_values(self["statuses"]) if "status" in roles else {},
            tuple(summed),
            in_order,
            split_id,
        )


def parse_magic(text: str) -> bytes:
    """Read "4152", "41 52", "0x4152" or "none".

    Raises:
        AnswersError: It is not hex.
    """
    if text in ("", NONE):
        return b""
    try:
        return bytes.fromhex(re.sub(r"^0x", "", text.strip()))
    except ValueError:
        raise AnswersError(f"the magic {text!r} is not hex: write 4152, or none") from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return the answers of a file, by key.

    Raises:
        AnswersError: It cannot be read, or has an unknown key or a wrong value.
    """
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except (OSError, ValueError) as error:
        raise AnswersError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return {key: _text(path, key, value) for key, value in table.items()}


def _text(path: Path, key: str, value: Any) -> Any:
    keys = (*NAME_KEYS, *HEADER_KEYS)
    if key not in keys:
        close = difflib.get_close_matches(key, keys, 1)
        hint = f"did you mean {close[0]}?" if close else f"the answers are {', '.join(keys)}"
        raise AnswersError(f"{path}: {key!r} is not an answer; {hint}")
    match key, value:
        case "fields", list() if all(isinstance(text, str) for text in value):
            return value
        case (("types" | "statuses"), dict()) if all(type(number) is int for number in value.values()):
            return ", ".join(f"{name}={number}" for name, number in value.items())
        case "byte_order", _ if value not in ("big", "little"):
            raise AnswersError(f'{path}: byte_order is "big" or "little", not {value!r}')
        case "counts", int() if not isinstance(value, bool):
            return str(value)
        case _, str() if key != "fields":
            return value
    kinds = {"fields": "a list of texts", "types": "a table of numbers", "statuses": "a table of numbers"}
    raise AnswersError(f"{path}: {key} is {kinds.get(key, 'a text')}, not {value!r}")
