"""Reads the names and types of an interface definition from its file, with thriftpy2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaprotocol_codecs.thrift.idl import Field, Idl, Method, Type

# TType of Apache Thrift, and 18, which is thriftpy2's own.
_SCALARS = {
    2: "bool",
    3: "byte",
    4: "double",
    6: "i16",
    8: "i32",
    10: "i64",
    11: "string",
    18: "binary",
}
_STRUCT, _MAP, _SET, _LIST = 12, 13, 14, 15


def read_idl(path: str) -> Idl:
    """Read a definition, and those that it includes.

    Args:
        path: A file in Thrift's interface definition language.

    Raises:
        ValueError: The file is not a definition, defines no service or cannot be opened; or thriftpy2 is not
            installed, and the message says how to install it.
    """
    try:
        from thriftpy2.parser.exc import ThriftParserError
        from thriftpy2.parser.parser import parse
    except ImportError:
        raise ValueError(f"reading {path} needs thriftpy2: pip install 'metaprotocol-sdk[thrift]'") from None
    try:
        # Nothing of it is kept: the same name may mean another file the next time.
        module = parse(path, "definition_thrift", include_dirs=[str(Path(path).parent)], enable_cache=False)
    except (ThriftParserError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    types = _Types()
    services = module.__thrift_meta__["services"]
    if not services:
        raise ValueError(f"{path} defines no service")
    return Idl({service.__name__: types.methods(service) for service in services})


class _Types:
    """Converts thriftpy2's types: each struct once, since it may hold itself, and equal methods once."""

    def __init__(self) -> None:
        self._structs: dict[Any, Type] = {}
        self._methods: dict[Any, Method] = {}

    def methods(self, service: Any) -> dict[str, Method]:
        """Return the methods of a service, by name."""
        found = {}
        for name in service.thrift_services:
            structs = getattr(service, f"{name}_args"), getattr(service, f"{name}_result")
            oneway = bool(structs[1].oneway)
            alike = (oneway, *(frozenset(struct.thrift_spec.items()) for struct in structs))
            if alike not in self._methods:
                self._methods[alike] = Method(self.fields(structs[0]), self.fields(structs[1]), oneway)
            found[name] = self._methods[alike]
        return found

    def fields(self, struct: Any) -> dict[int, Field]:
        """Return the fields of a struct, by id."""
        return {number: Field(spec[1], self._type(spec[0], *spec[2:-1])) for number, spec in struct.thrift_spec.items()}

    def _type(self, kind: int, more: Any = None) -> Type:
        """Return the type for a number and thriftpy2's description of what it holds."""
        if kind == _STRUCT:
            return self._struct(more)
        if kind == _MAP:
            key, item = (self._inside(inside) for inside in more)
            return Type(f"map<{key.name},{item.name}>", key=key, item=item, kind="map")
        if kind in (_SET, _LIST):
            item = self._inside(more)
            name = "set" if kind == _SET else "list"
            return Type(f"{name}<{item.name}>", item=item, kind=name)
        if more is not None:
            numbers = more._VALUES_TO_NAMES  # noqa: SLF001 - thriftpy2 has no other name for it
            return Type(more.__name__, numbers=numbers, kind="i32")
        name = _SCALARS.get(kind, f"type {kind}")
        return Type(name, kind="string" if name == "binary" else name)

    def _inside(self, inside: Any) -> Type:
        return self._type(*inside) if isinstance(inside, tuple) else self._type(inside)

    def _struct(self, struct: Any) -> Type:
        known = self._structs.get(struct)
        if known is None:
            known = self._structs[struct] = Type(struct.__name__, kind="struct")
            known.fields.update(self.fields(struct))
        return known
