"""Writes objects for a cluster: as YAML, as a base for kustomize, or as values of the Helm chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from metaprotocol_mesh.istio.patches import METADATA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaprotocol_mesh.render.pieces import Json


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and never an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def as_yaml(*objects: Json) -> str:
    """Return objects as documents of YAML.

    Args:
        objects: They.
    """
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


def as_files(objects: Sequence[Json]) -> dict[str, str]:
    """Return a file for each object, by name.

    Args:
        objects: They, with names and namespaces.
    """
    return {f"{one['metadata']['namespace']}.{one['metadata']['name']}.yaml": as_yaml(one) for one in objects}


def as_kustomization(objects: Sequence[Json]) -> dict[str, str]:
    """Return the files of a base for kustomize, by name.

    Args:
        objects: They, with names and namespaces.
    """
    files = as_files(objects)
    base = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(files)}
    return {**files, "kustomization.yaml": as_yaml(base)}


def rollout(revision: str, applied: str) -> str:
    """Return the order in which EnvoyFilters come into a cluster, and go, as Markdown.

    Args:
        revision: Of the module that they need.
        applied: What brings them there: a command.
    """
    return f"""\
# EnvoyFilters of metaprotocol, revision {revision}

1. Image: give the proxies of callers and servers the module, with ISTIO_META_{METADATA}={revision}.
   Nothing uses it yet.
2. Check: `kubectl get services,pods -A -o yaml | metaprotocol istio check --revision {revision} -`
   tells which proxies lack it. No caller of these ports may have such a proxy.
3. Filter: `{applied}`.
   `istioctl proxy-status` must show no proxy as STALE.
4. Let callers use the ports, one deployment after the other.

Rollback: take 4 back first, then `kubectl delete envoyfilter -A -l metaprotocol.io/revision={revision}`.
Proxies with another revision keep their filters.
"""


def as_comment(text: str) -> str:
    """Return a text as comments of YAML.

    Args:
        text: Lines; a heading of Markdown becomes a plain one.
    """
    return "".join(f"# {line.removeprefix('# ')}".rstrip() + "\n" for line in text.splitlines())


def as_values(objects: Sequence[Json]) -> str:
    """Return the values of the Helm chart in `deploy/chart`.

    Args:
        objects: They.
    """
    return as_yaml({"envoyFilters": list(objects)})
