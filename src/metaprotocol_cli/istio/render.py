"""`metaprotocol istio render`: EnvoyFilters that give Istio's proxies the engine."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import click

from metaprotocol_cli.mesh.common import labels_of, shown_problems
from metaprotocol_mesh.istio.filters import Options, Scope, envoy_filters
from metaprotocol_mesh.istio.output import as_comment, as_files, as_kustomization, as_values, as_yaml, rollout
from metaprotocol_mesh.load import load
from metaprotocol_mesh.render.engine import Engine

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOME = PurePosixPath("/opt/metaprotocol")


@click.command("render")
@click.argument("files", nargs=-1, required=True, metavar="FILES...")
@click.option("--namespace", default="", metavar="NAME", help="Change the proxies of one namespace. By default all.")
@click.option("--labels", metavar="NAME=VALUE,...", help="Change the proxies with these labels, with --namespace.")
@click.option(
    "--root-namespace", default="istio-system", show_default=True, metavar="NAME", help="Istio's root namespace."
)
@click.option(
    "--revision",
    default="1",
    show_default=True,
    metavar="NAME",
    help="Of module and codecs: the filters reach proxies with ISTIO_META_METAPROTOCOL=NAME only.",
)
@click.option(
    "--home",
    type=click.Path(path_type=PurePosixPath),
    default=_HOME,
    show_default=True,
    metavar="FOLDER",
    help="The folder of module, Python and codecs in the proxy's container.",
)
@click.option("--installed", is_flag=True, help="Name the module and the Python of this machine, for its proxies.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="NAME[=TEXT]",
    help="Run a filter in Python before the router: an entry point, or module:Class. Repeat it for more.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["yaml", "kustomize", "helm"]),
    default="yaml",
    show_default=True,
    help="Plain objects, a base for kustomize, or values for the Helm chart.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write into a folder, instead of to standard output. kustomize needs it.",
)
def command(
    files: tuple[str, ...],
    namespace: str,
    labels: str | None,
    root_namespace: str,
    revision: str,
    home: PurePosixPath,
    installed: bool,
    filters: tuple[str, ...],
    layout: str,
    output: Path | None,
) -> None:
    """Print the EnvoyFilters that Istio's proxies need.

    FILES name the services, as ServiceEntry or Service: the name or appProtocol of a port is http-<codec>. Sidecars
    and Gateways in them get filters for their own listeners.

    Nothing changes in a proxy that does not say that it has the module: its pod needs
    ISTIO_META_METAPROTOCOL=<revision> in the environment of its proxy.

    The order of a rollout (image, check, filter, rollback) is in comments at the top, or in README.md of the
    folder.

    The exit status is 0, 1 if the configuration is wrong, and 2 if the command line is.

    \b
    Examples:
      metaprotocol istio render services.yaml | kubectl apply -f -
      metaprotocol istio render mesh --namespace shop --labels app=web
      metaprotocol istio render mesh --format kustomize --output base
      kubectl delete envoyfilter -A -l app.kubernetes.io/managed-by=metaprotocol
    """
    selected = labels_of(labels) or {}
    if selected and not namespace:
        raise click.UsageError("--labels needs --namespace: labels are those of pods of a namespace")
    if layout == "kustomize" and output is None:
        raise click.UsageError("--format kustomize needs --output: it is a folder of files")
    if not _LABEL.fullmatch(revision):
        raise click.BadParameter(f"{revision!r} must be lower-case letters, digits and -", param_hint="--revision")
    scope = Scope(namespace, selected, root_namespace)
    chosen = [(name, config) for name, _, config in (one.partition("=") for one in filters)]
    with shown_problems():
        engine = Engine.installed() if installed else Engine.below(home)
        objects = envoy_filters(load(files), engine, Options(scope, revision, chosen))
    values = output / "values.yaml" if output is not None else "VALUES"
    applied = {
        "yaml": f"kubectl apply -f {output or 'FILE'}",
        "kustomize": f"kubectl apply -k {output}",
        "helm": f"helm upgrade --install metaprotocol deploy/chart -f {values}",
    }[layout]
    steps = rollout(revision, applied)
    if output is None:
        click.echo(as_comment(steps), nl=False)
        click.echo(as_values(objects) if layout == "helm" else as_yaml(*objects), nl=False)
        return
    written = {
        "yaml": lambda: as_files(objects),
        "kustomize": lambda: as_kustomization(objects),
        "helm": lambda: {"values.yaml": as_values(objects)},
    }[layout]()
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, text in {**written, "README.md": steps}.items():
            (output / name).write_text(text, "utf-8")
            click.echo(f"{output / name}")
    except OSError as error:
        raise click.ClickException(f"{error.filename or output} cannot be written: {error.strerror}") from error
