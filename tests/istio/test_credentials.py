"""Where the API server and our credentials come from, and what is said if they are not there."""

import json
from pathlib import Path

import pytest

from metaprotocol_mesh.kubernetes import CredentialsError, connect, credentials

UNTRUSTED = """
clusters: [{name: x, cluster: {server: "https://127.0.0.1:9", certificate-authority: /none}}]
contexts: [{name: x, context: {cluster: x}}]
current-context: x
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a kubeconfig, and no pod."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def kubeconfig(folder: Path, name: str = "config", namespace: str = "shop", **user) -> Path:
    """Write a kubeconfig with the context `one`."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    context = {"cluster": "c", "user": "u", "namespace": namespace}
    content = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "contexts": [{"name": "one", "context": context}],
        "users": [{"name": "u", "user": user}],
        "current-context": "one",
    }
    path.write_text(json.dumps(content))
    return path


def test_the_kubeconfig_is_the_named_one_else_that_of_the_environment_else_that_of_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig(home / ".kube", namespace="home")
    assert connect(None, None, "m").namespace == "home"
    several = [home / "missing", kubeconfig(home, "second", "environment"), kubeconfig(home, "third", "third")]
    monkeypatch.setenv("KUBECONFIG", ":".join(map(str, several)))
    assert connect(None, None, "m").namespace == "environment"
    assert connect(kubeconfig(home, "named", "named"), None, "m").namespace == "named"


def test_in_a_pod_it_is_the_service_account(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig(home / ".kube", namespace="home")
    account = home / "account"
    account.mkdir()
    (account / "token").write_text("secret")
    (account / "namespace").write_text("pod")
    monkeypatch.setattr(credentials, "SERVICE_ACCOUNT", str(account))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "9")
    with pytest.raises(CredentialsError, match=r"the service account of this pod cannot be used: .*No such file"):
        connect(None, None, "m")  # no ca.crt


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "AttributeError"),
        ("{", "ParserError"),
        ("[]", "AttributeError"),
        ("{}", "KeyError: 'clusters'"),
        ("clusters: []\ncontexts: []\ncurrent-context: x", "Context 'x' not found"),
        ("clusters: []\ncontexts: [{name: x, context: {cluster: y}}]\ncurrent-context: x", "KeyError: 'y'"),
        ("clusters: []\ncontexts: []", "No current context"),
        (UNTRUSTED, "FileNotFoundError"),
    ],
)
def test_a_wrong_kubeconfig_is_named_with_what_is_wrong(home: Path, text: str, says: str) -> None:
    path = home / "wrong"
    path.write_text(text)
    with pytest.raises(CredentialsError) as error:
        connect(path, None, "m")
    assert str(error.value).startswith(f"{path} cannot be used: ")
    assert says in str(error.value)
    assert str(error.value).endswith("does `kubectl config view` read it?")


def test_without_any_it_is_told_how_to_name_one() -> None:
    with pytest.raises(CredentialsError, match="name one with --kubeconfig or KUBECONFIG"):
        connect(None, None, "m")
