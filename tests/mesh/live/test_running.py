"""A mesh that runs while its files and codecs change."""

import copy
import itertools
import os
import resource
import signal
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from live_engine.awesome import CODEC, body, replying, request
from live_engine.config import built_module
from live_engine.peers import Client, serving
from mesh_files import LISTENER, ROUTES, documents
from mesh_running import Acme, Files, acme, calling, free_port, runtime, weights
from patience import eventually

from metaprotocol_mesh.places import ConfigurationError
from metaprotocol_mesh.running import Change, EnvoyDied, MeshRun, read_status
from metaprotocol_mesh.running.apply import Applier, Refused
from metaprotocol_sdk import Status

__all__ = ["acme", "runtime"]

pytestmark = pytest.mark.usefixtures("runtime")


@pytest.fixture(autouse=True, scope="module")
def _module() -> None:
    built_module()


@pytest.fixture
def files(tmp_path: Path, v1, v2) -> Files:
    return Files(tmp_path / "mesh.yaml", (v1.port, v2.port))


def applied(mesh: MeshRun) -> Change:
    change = mesh.apply()
    assert change is not None
    assert change.applied, change.problems
    return change


def refused(mesh: MeshRun) -> str:
    change = mesh.apply()
    assert change is not None
    assert not change.applied
    return "\n".join(map(str, change.problems))


def version(mesh: MeshRun) -> str:
    (serving,) = [one.version for one in read_status(mesh.folder).codecs if not one.draining]
    return serving


@pytest.mark.parametrize(
    ("routes", "codecs", "calls"), [(4, 1, 200), pytest.param(20, 3, 5_000, marks=pytest.mark.live)]
)
def test_changes_lose_no_call(release, tmp_path, acme: Acme, v1, v2, routes: int, codecs: int, calls: int) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v2.port), "acme")
    with MeshRun([files.path], codecs=acme.named, envoy=release.binary()) as mesh, calling(files.port) as clients:
        versions = {version(mesh)}
        for number in range(1, routes + 1):
            files.write(weights(100 - number * 100 // routes))
            assert applied(mesh).changed == (f"routes of 127.0.0.1_{files.port}",)
            clients.wait_for(calls // routes)
            if number * codecs % routes < codecs:
                acme.write(f"code {number}")
                assert applied(mesh).changed[0] == f"codec acme {version(mesh)}"
                versions.add(version(mesh))
                clients.wait_for(8 * 2)
    assert len(versions) == 1 + codecs
    assert clients.lost == []
    assert clients.done >= calls
    assert clients.answers[b"v1"] > 0 < clients.answers[b"v2"]
    served = [message.properties["call"] for server in (v1, v2) for message in server.received]
    assert len(served) == len(set(served)) == clients.done


@pytest.mark.live
def test_changed_code_serves_new_connections_and_old_ones_end(release, tmp_path, acme: Acme, v1, v2) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v2.port), "acme")
    files.write(ROUTES.replace("user: {exact: jason}", "code: {exact: two}"))
    running = MeshRun([files.path], codecs=acme.named, envoy=release.binary())
    with running as mesh, Client(CODEC, files.port) as busy, Client(CODEC, files.port) as idle:
        assert body(busy.call(request(1))) == b"v1"
        assert body(idle.call(request(1))) == b"v1"
        acme.write("two")
        applied(mesh)
        with Client(CODEC, files.port) as new:
            assert body(new.call(request(1))) == b"v2"
        assert body(busy.call(request(2))) == b"v1"
        assert busy.ended()
        assert idle.ended()


def test_a_wrong_file_changes_nothing_and_says_where(release, files: Files) -> None:
    with MeshRun([files.path], envoy=release.binary()) as mesh, Client(CODEC, files.port) as client:
        assert mesh.apply() is None
        files.write(ROUTES.replace("subset: v1", "subste: v1"))
        text = refused(mesh)
        assert text.startswith(f"{files.path}:")
        assert "spec.http[1].route[0].destination.subste: there is no key 'subste' here" in text
        assert mesh.apply() is None
        assert body(client.call(request(1))) == b"v1"
        files.write(ROUTES)
        assert applied(mesh).changed == ()
        files.write(ROUTES.replace("subset: v1", "subset: v2"))
        applied(mesh)
        assert body(client.call(request(2))) == b"v2"


@pytest.mark.live
def test_a_wrong_codec_changes_nothing_and_says_where(release, tmp_path, acme: Acme, v1, v2) -> None:
    files = Files(tmp_path / "mesh.yaml", (v1.port, v2.port), "acme")
    with MeshRun([files.path], codecs=acme.named, envoy=release.binary()) as mesh, Client(CODEC, files.port) as client:
        before = version(mesh)
        acme.words.write_text("\nWORD = 1 / 0\n")
        assert refused(mesh).startswith(f"{acme.words}:2:1: ")
        # The files are followed all the same, with the code before.
        files.write(ROUTES.replace("subset: v1", "subset: v2"))
        applied(mesh)
        assert body(client.call(request(1))) == b"v2"
        assert version(mesh) == before
        acme.write("two")
        applied(mesh)
        assert version(mesh) != before


def tells_nothing(*folders: Path, **options: Any) -> None:
    raise OSError("no space left on device: the kernel has no watches left")


@pytest.mark.live
@pytest.mark.parametrize("told", [True, False], ids=["told by the kernel", "looking"])
def test_a_changed_policy_reaches_an_open_connection(release, tmp_path, v1, monkeypatch, *, told: bool) -> None:
    ingress = LISTENER.partition("  egress")[0] + "  ingress:\n"
    ingress += f"  - {{port: {{number: 19080, name: http-awesomerpc}}, defaultEndpoint: '127.0.0.1:{v1.port}'}}\n"
    policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: jason}\n"
    policy += "spec: {action: DENY, rules: [{when: [{key: 'request.headers[user]', values: [jason]}]}]}\n"
    files = Files(tmp_path / "mesh.yaml", (v1.port, v1.port))
    files.write(listener=ingress)
    if not told:
        monkeypatch.setattr("watchfiles.watch", tells_nothing)
    numbers = itertools.count(1)
    with MeshRun([files.path], envoy=release.binary()) as mesh, Client(CODEC, files.port) as client:
        assert body(client.call(request(next(numbers), {"user": "jason"}))) == b"v1"
        watching = threading.Thread(target=mesh.watch, args=[lambda change: None])
        watching.start()
        files.write(listener=documents(ingress, policy))
        eventually(lambda: client.call(request(next(numbers), {"user": "jason"})).status is Status.ERROR)
        assert body(client.call(request(next(numbers), {"user": "mary"}))) == b"v1"
        mesh.stop()
        watching.join()


@pytest.mark.live
def test_requests_in_flight_survive_every_change(release, tmp_path, v1) -> None:
    free = threading.Event()

    def handle(message: Any, connection: Any) -> bytes | None:
        free.wait(60)
        return replying(b"late")(message, connection)

    with serving(CODEC, handle) as slow:
        files = Files(tmp_path / "mesh.yaml", (v1.port, slow.port))
        services = files.services
        pool = "trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3s}}}"
        only_v1 = ROUTES.partition("  - match")[0] + "  - route: [{destination: {host: reviews, subset: v1}}]\n"
        changes: list[dict[str, str]] = [
            {"rules": only_v1, "services": services.replace(", {name: v2, labels: {version: v2}}", "")},
            {"services": services.replace("name: v2, labels", f"name: v2, {pool}, labels")},
            {"services": services.replace(f": {slow.port}", f": {v1.port}")},
            {"services": services, "listener": LISTENER.replace("19080", str(free_port()))},
        ]
        for change in changes:
            free.clear()
            files.write(services=services)
            with MeshRun([files.path], envoy=release.binary()) as mesh, Client(CODEC, files.port) as client:
                before = len(slow.received)
                client.send(request(1, {"user": "jason"}))
                slow.wait(before + 1)
                files.write(**change)
                applied(mesh)
                free.set()
                assert body(client.receive()) == b"late", change


@pytest.mark.live
def test_what_envoy_does_not_take_is_undone(release, files: Files) -> None:
    with MeshRun([files.path], envoy=release.binary()) as mesh, Client(CODEC, files.port) as client:
        old = mesh._followed.answer.files
        new = copy.deepcopy(old)
        name = next(name for name in new if name.startswith("routes."))
        new[name]["resources"][0]["virtual_hosts"][0]["domains"] = []
        new[name]["version_info"] = "other"
        new["clusters.json"]["resources"].pop()
        new["clusters.json"]["version_info"] = "other"
        with pytest.raises(Refused, match="Domains: value must contain at least 1 item"):
            Applier(mesh.folder, mesh.admin, mesh._running).apply(old, new)
        assert body(client.call(request(1))) == b"v1"
        files.write(ROUTES.replace("subset: v1", "subset: v2"))
        applied(mesh)
        assert body(client.call(request(2))) == b"v2"


@pytest.mark.live
def test_a_port_that_another_mesh_has_is_told_where_it_is_written(release, files: Files) -> None:
    told = pytest.raises(ConfigurationError, match=r"mesh.yaml:\d+:\d+: spec.egress\[0\]: nothing can listen at")
    with MeshRun([files.path], envoy=release.binary()), told:
        MeshRun([files.path], envoy=release.binary()).__enter__()


@pytest.mark.live
def test_envoy_may_have_all_descriptors_that_the_system_allows(release, files: Files) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
        with MeshRun([files.path], envoy=release.binary()) as mesh:
            assert resource.prlimit(mesh.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.live
def test_nobody_else_can_reach_the_admin(release, files: Files, runtime: Path) -> None:
    with MeshRun([files.path], envoy=release.binary()) as mesh:
        assert stat.S_IMODE(mesh.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(mesh.folder.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(mesh.admin.path.stat().st_mode) == 0o600
        assert {stat.S_IMODE(path.stat().st_mode) for path in mesh.folder.glob("*.json*")} <= {0o600, 0o644}
    assert list(mesh.folder.parent.iterdir()) == []


@pytest.mark.live
def test_an_envoy_that_dies_is_told_with_its_log(release, files: Files) -> None:
    with MeshRun([files.path], envoy=release.binary()) as mesh:
        os.kill(mesh.pid, signal.SIGKILL)
        with pytest.raises(EnvoyDied, match="by the signal SIGKILL"):
            mesh.watch(pytest.fail)


@pytest.mark.live
def test_a_program_that_is_not_envoy_is_told(release, files: Files, tmp_path: Path) -> None:
    script = tmp_path / "envoy"
    script.write_text("#!/nowhere")
    with pytest.raises(ConfigurationError, match="cannot be used: Permission denied"):
        MeshRun([files.path], envoy=script).__enter__()


@pytest.mark.live
def test_a_codec_may_be_installed_while_it_runs(release, tmp_path, files: Files, v1, monkeypatch) -> None:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    with MeshRun([files.path], envoy=release.binary()) as mesh:
        Acme(site / "acme")
        about = site / "acme-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[metaprotocol.codecs]\nacme = acme.codec:AcmeCodec\n")
        assert mesh.apply() is None
        other = Files(files.path, (v1.port, v1.port), "acme")
        applied(mesh)
        assert [one.release for one in read_status(mesh.folder).codecs if not one.draining] == ["1.0"]
        with Client(CODEC, other.port) as client:
            assert body(client.call(request(1))) == b"v1"
