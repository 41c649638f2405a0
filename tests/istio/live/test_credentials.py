"""Credentials that an API server takes: a pod's over TLS, and those that a program fetches."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aeraki_cluster import KINDS, router
from convert_program import Cluster

from metaprotocol_mesh.istio.metarouters import METAROUTERS
from metaprotocol_mesh.kubernetes import Api, ApiError, api, connect, credentials, key_of

pytestmark = pytest.mark.live


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine, and its key; the test is skipped without openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here")
    files = tmp_path / "tls.pem", tmp_path / "tls.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-out", str(files[0]), "-keyout", str(files[1]), "-days", "2", "-subj", "/CN=kubernetes"]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return files


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path) as found:
        yield found


def names(found: Api) -> list[str]:
    """Return the MetaRouters that the server lists."""

    async def ask() -> list[str]:
        try:
            return [key_of(one)[1] for one in (await found.list(METAROUTERS))[0]]
        finally:
            await found.close()

    return asyncio.run(ask())


def test_a_pod_uses_its_token_and_reads_it_again_when_it_was_replaced(
    tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("first")
    (account / "namespace").write_text("pod")
    shutil.copy(certificate[0], account / "ca.crt")
    with Cluster(tmp_path, certificate) as cluster:
        cluster.token = "first"
        cluster.make(router())
        monkeypatch.delenv("KUBECONFIG", raising=False)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(cluster.port))
        monkeypatch.setattr(credentials, "SERVICE_ACCOUNT", str(account))
        found = connect(None, None, "m")
        assert found.namespace == "pod"

        async def ask() -> None:
            try:
                await found.list(METAROUTERS)
                cluster.token = "second"
                (account / "token").write_text("second")
                assert len((await found.list(METAROUTERS))[0]) == 1
            finally:
                await found.close()

        asyncio.run(ask())


def test_a_server_of_another_authority_is_not_trusted(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    with Cluster(tmp_path, certificate) as cluster, pytest.raises(ApiError, match="CERTIFICATE_VERIFY_FAILED"):
        names(connect(cluster.file, None, "m"))


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_program_fetches_a_token(tmp_path: Path, cluster: Cluster, version: str) -> None:
    cluster.make(router())
    program = tmp_path / "fetch.py"
    program.write_text(
        "import json, os\n"
        "asked = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        f"assert asked['apiVersion'].endswith('/{version}')\n"
        "print(json.dumps({**asked, 'status': {'token': 'test'}}))\n"
    )
    assert names(connect(with_program(cluster, program, version), None, "m")) == ["reviews"]


@pytest.mark.parametrize("text", ["raise SystemExit('expired')", "print('{}')", "print('hello')"])
def test_a_program_that_fails_is_told(tmp_path: Path, cluster: Cluster, text: str) -> None:
    program = tmp_path / "fetch.py"
    program.write_text(text)
    with pytest.raises(ApiError, match=r"cannot fetch the credentials: .*does `kubectl auth whoami` work"):
        names(connect(with_program(cluster, program, "v1"), None, "m"))


def with_program(cluster: Cluster, program: Path, version: str) -> Path:
    """Return a kubeconfig whose user has a program for credentials."""
    content = cluster.kubeconfig
    executed = {"apiVersion": f"client.authentication.k8s.io/{version}", "command": sys.executable}
    content["users"][0]["user"] = {"exec": {**executed, "args": [str(program)], "interactiveMode": "Never"}}
    cluster.file.write_text(json.dumps(content))
    return cluster.file


def test_a_long_list_comes_in_pages(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_PAGE", 2)
    for number in range(5):
        cluster.make(router(f"r{number}"))
    assert names(connect(cluster.file, None, "m")) == [f"r{number}" for number in range(5)]
    assert [one.query["limit"] for one in cluster.requests if one.kind == KINDS[0]] == ["2", "2", "2"]
