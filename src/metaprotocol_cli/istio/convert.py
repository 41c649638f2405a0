"""`metaprotocol istio convert`: from Aeraki Mesh to Istio."""

from __future__ import annotations

import re
from pathlib import Path

import click

from metaprotocol_cli.mesh.common import show_problem, shown_problems
from metaprotocol_mesh.istio.convert import convert
from metaprotocol_mesh.istio.output import as_yaml
from metaprotocol_mesh.load import load

_NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LEASE = re.compile(rf"(?:(?P<namespace>{_NAME})/)?(?P<name>{_NAME})")


def _named(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(_NAME, value):
        raise click.BadParameter(f"{value!r} must be lower-case letters, digits and -", ctx, parameter)
    return value


def _revisions(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for one in value:
        _named(ctx, parameter, one)
    return tuple(dict.fromkeys(value))


def _lease(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, str] | None:
    if value is None:
        return None
    found = _LEASE.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not [NAMESPACE/]NAME", ctx, parameter)
    return found["namespace"] or "", found["name"]


@click.command("convert")
@click.argument("files", nargs=-1, metavar="[FILES]...")
@click.option(
    "--revision",
    "revisions",
    multiple=True,
    default=("1",),
    show_default=True,
    callback=_revisions,
    metavar="NAME",
    help="As of `istio render`. Repeat it while proxies of several run.",
)
@click.option("--watch", is_flag=True, help="Keep a cluster in step with the MetaRouters in it, instead of FILES.")
@click.option("--once", is_flag=True, help="With --watch: bring the cluster in step, and end.")
@click.option("--namespace", callback=_named, metavar="NAME", help="With --watch: this one only. By default all.")
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --watch: by default that of KUBECONFIG, the service account of the pod, or ~/.kube/config.",
)
@click.option("--context", metavar="NAME", help="With --watch: of the kubeconfig. By default its current one.")
@click.option(
    "--lease",
    callback=_lease,
    metavar="[NAMESPACE/]NAME",
    help="With --watch: of several instances the one that holds this Lease works. By default metaprotocol-convert.",
)
@click.option(
    "--resync",
    type=click.IntRange(10, 86_400),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="With --watch: apply everything again after so long.",
)
@click.option(
    "--force-conflicts", is_flag=True, help="With --watch: take back fields that others have changed in what is ours."
)
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    revisions: tuple[str, ...],
    watch: bool,
    once: bool,
    namespace: str | None,
    kubeconfig: Path | None,
    context: str | None,
    lease: tuple[str, str] | None,
    resync: int,
    force_conflicts: bool,
) -> None:
    """Print the objects of Istio that stand for MetaRouters and ApplicationProtocols of Aeraki Mesh.

    A MetaRouter becomes a VirtualService of the same name. Its limits become an EnvoyFilter for the pods of the
    Service, which must be in FILES. What has no equivalent is told on standard error.

    With --watch the MetaRouters are those of a cluster, and the objects are applied there. Only what --watch has
    created is changed or deleted. Ctrl-C or SIGTERM ends it.

    The exit status is 0, 1 if the configuration is wrong or the cluster cannot be reached, and 2 if the command line
    is wrong. With --once it is 1, too, if a MetaRouter is not in force as a whole.

    \b
    Examples:
      metaprotocol istio convert metarouters.yaml services.yaml
      kubectl get metarouters,applicationprotocols,services -A -o yaml | metaprotocol istio convert -
      metaprotocol istio convert --watch --namespace shop
    """
    if watch:
        if files:
            raise click.UsageError("--watch reads the cluster: leave FILES out")
        try:
            from metaprotocol_cli.istio.watch import follow
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing not in {"httpx2", "lightkube"}:
                raise
            text = f"--watch needs {missing}: install metaprotocol-sdk[mesh,kubernetes]"
            raise click.UsageError(text) from error
        good = follow(
            kubeconfig, context, revisions, namespace or "", lease, resync=resync, force=force_conflicts, once=once
        )
        ctx.exit(0 if good else 1)
    for name in ("once", "namespace", "kubeconfig", "context", "lease", "resync", "force_conflicts"):
        if ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --watch")
    if not files:
        raise click.UsageError("give FILES, or --watch to read a cluster")
    with shown_problems():
        found = convert(load(files), revisions)
    click.echo(as_yaml(*found.objects), nl=False)
    for note in found.notes:
        show_problem(note)
