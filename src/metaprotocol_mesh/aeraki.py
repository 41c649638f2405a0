"""Converts Aeraki's MetaRouter to a VirtualService. Rate limits keep MetaRouter's form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaprotocol_envoy.headers import escape_value, header_name
from metaprotocol_mesh.model import MetaRouter, Object, StringMatch, VirtualService
from metaprotocol_mesh.model.virtual_service import (
    HeaderOperations,
    Headers,
    HTTPMatchRequest,
    HTTPRoute,
    HTTPRouteDestination,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaprotocol_mesh.model.aeraki import KeyValue, MetaRoute, MetaRouteMatch

_CODEC_PREFIX = "aeraki.meta_protocol.codec."


def codec_name(name: str) -> str:
    """Return the name here of a codec of Aeraki."""
    return name.removeprefix(_CODEC_PREFIX)


def virtual_service(router: Object[MetaRouter]) -> Object[VirtualService] | None:
    """Return the VirtualService of a MetaRouter; None if it has limits only."""
    spec = router.spec
    if not spec.routes:
        return None
    converted = VirtualService(
        at=spec.at,
        hosts=spec.hosts,
        gateways=spec.gateways,
        export_to=spec.export_to,
        http=tuple(map(_route, spec.routes)),
    )
    return Object(router.kind, router.metadata, converted)


def header_matches(match: MetaRouteMatch) -> Mapping[str, StringMatch]:
    """Return the conditions on properties as conditions on headers."""
    return {header_name(name): _escaped(condition) for name, condition in match.attributes.items()}


def _escaped(condition: StringMatch) -> StringMatch:
    if condition.exact is not None:
        return StringMatch(at=condition.at, exact=escape_value(condition.exact))
    if condition.prefix is not None:
        # A space at the end of a prefix is one inside of a value.
        escaped = escape_value(condition.prefix + "x")[:-1]
        return StringMatch(at=condition.at, prefix=escaped)
    return condition


def _route(route: MetaRoute) -> HTTPRoute:
    match = route.match
    return HTTPRoute(
        at=route.at,
        name=route.name,
        match=(HTTPMatchRequest(at=match.at, headers=header_matches(match)),) if match and match.attributes else (),
        route=tuple(
            HTTPRouteDestination(at=one.at, destination=one.destination, weight=one.weight) for one in route.route
        ),
        mirror=route.mirror,
        mirror_percentage=route.mirror_percentage,
        headers=Headers(
            at=route.at, request=_operations(route.request_mutation), response=_operations(route.response_mutation)
        ),
    )


def _operations(changes: tuple[KeyValue, ...]) -> HeaderOperations | None:
    if not changes:
        return None
    return HeaderOperations(set={header_name(one.key): escape_value(one.value).replace("%", "%%") for one in changes})
