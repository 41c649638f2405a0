"""`metaprotocol istio convert --watch`: runs the controller until a signal ends it."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import click

from metaprotocol_mesh.istio.controller import MANAGER
from metaprotocol_mesh.istio.watching import ClusterError, Watching, WatchOptions
from metaprotocol_mesh.kubernetes import CredentialsError, connect

if TYPE_CHECKING:
    from pathlib import Path


def follow(
    kubeconfig: Path | None,
    context: str | None,
    revisions: tuple[str, ...],
    namespace: str,
    lease: tuple[str, str] | None,
    *,
    resync: int,
    force: bool,
    once: bool,
) -> bool:
    """Keep a cluster in step; return False if something of it could not be done.

    Args:
        kubeconfig: Names the cluster; None for the usual ones.
        context: Of the kubeconfig.
        revisions: Of the module.
        namespace: The only one; "" for all.
        lease: Namespace and name; the namespace of the credentials for "".
        resync: Seconds between two complete passes.
        force: Take fields that others have changed.
        once: End after the first pass.

    Raises:
        click.ClickException: The cluster cannot be reached, or refuses.
    """
    try:
        return asyncio.run(_follow(kubeconfig, context, revisions, namespace, lease, resync, force, once))
    except (ClusterError, CredentialsError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("stopped at once")
        return False


async def _follow(
    kubeconfig: Path | None,
    context: str | None,
    revisions: tuple[str, ...],
    namespace: str,
    lease: tuple[str, str] | None,
    resync: int,
    force: bool,
    once: bool,
) -> bool:
    api = connect(kubeconfig, context, MANAGER)
    # Instances for different namespaces do not wait for each other.
    name = f"{MANAGER}-{namespace}" if namespace else MANAGER
    space, name = lease or ("", name[:253])
    watching = Watching(api, WatchOptions(revisions, namespace, (space or api.namespace, name), resync, force), _report)
    work = asyncio.ensure_future(watching.once() if once else watching.run())
    loop, signals = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)

    def stop() -> None:
        for one in signals:
            loop.remove_signal_handler(one)  # once more, at once
        work.cancel()

    for one in signals:
        loop.add_signal_handler(one, stop)
    try:
        return await work is not False
    except asyncio.CancelledError:
        if not work.cancelled():
            raise
        click.echo("stopped")
        return not once
    finally:
        for one in signals:
            loop.remove_signal_handler(one)
        await api.close()


def _report(text: str, wrong: bool) -> None:
    click.secho(text, err=wrong, fg="yellow" if wrong else None)
