"""An interface definition: the names and types of arguments, results and fields.

These are plain values, which can be made with any parser of the interface definition language; `idl_file` makes them
with thriftpy2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import Factory, define, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


@define(eq=False, weakref_slot=False)
class Type:
    """A type. Structs may hold themselves, so `fields` is filled in later.

    Args:
        name: The type as the definition writes it, such as `list<i32>`.
        fields: The fields of a struct, by id.
        key: The type of a map's keys.
        item: The type of the items of a list or a set, or of a map's values.
        numbers: The names of an enum's numbers.
        kind: The type on the wire: "bool", "byte", "i16", "i32", "i64", "double", "string", "struct", "map", "set" or
            "list". By default its name.
    """

    name: str
    fields: dict[int, Field] = Factory(dict)
    key: Type | None = None
    item: Type | None = None
    numbers: Mapping[int, str] = Factory(dict)
    kind: str = Factory(lambda self: self.name, takes_self=True)


@frozen(eq=False)
class Field:
    """A field of a struct, an argument, a result or an exception."""

    name: str
    type: Type


@frozen(eq=False)
class Method:
    """A method.

    Args:
        arguments: By field id.
        results: By field id: 0 is what the method returns, any other an exception that it declares.
        oneway: True if the server does not answer.
    """

    arguments: Mapping[int, Field]
    results: Mapping[int, Field]
    oneway: bool = False


@frozen(eq=False, repr=False)
class Idl:
    """The services of a definition, each a mapping of its methods by name, with those that it inherits."""

    services: Mapping[str, Mapping[str, Method]]

    def __repr__(self) -> str:
        return f"<Idl of {', '.join(self.services)}>"

    def find(self, service: str | None, method: str) -> Method | None:
        """Return a method of a service; if the definition has no such service, the only method of that name.

        Args:
            service: The name of TMultiplexedProtocol, which need not be that of the definition, or None.
            method: The method's name.
        """
        found = self.candidates(service, method)
        return found[0] if len(found) == 1 else None

    def candidates(self, service: str | None, method: str) -> list[Method]:
        """Return the methods that a call may mean: of its service, or of all if the definition has no such service."""
        if service is not None and service in self.services:
            services = [self.services[service]]
        else:
            services = list(self.services.values())
        return list({id(methods[method]): methods[method] for methods in services if method in methods}.values())
