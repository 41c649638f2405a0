"""The address of the API server, and our credentials: from a kubeconfig, or those of a pod."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lightkube.config.client_adapter import AsyncClient, ConnectionParams
from lightkube.config.kubeconfig import DEFAULT_KUBECONFIG, SERVICE_ACCOUNT, KubeConfig
from lightkube.config.models import NameValue, User

from metaprotocol_mesh.kubernetes.api import Api
from metaprotocol_sdk import MetaProtocolError

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig

_EXEC = "client.authentication.k8s.io"


class CredentialsError(MetaProtocolError):
    """Credentials that are not there or cannot be used."""


def connect(kubeconfig: Path | None, context: str | None, manager: str) -> Api:
    """Return the API server of a kubeconfig, or that of the cluster in whose pod we run.

    Args:
        kubeconfig: The file. By default that of KUBECONFIG, else the service account of the pod, else ~/.kube/config.
        context: Of the kubeconfig; None for its current one.
        manager: Our name as a field manager.

    Raises:
        CredentialsError: There are none, or something in them is wrong.
    """
    where = "the service account of this pod"
    try:
        path = kubeconfig or _named()
        if path is None and "KUBERNETES_SERVICE_HOST" in os.environ and Path(SERVICE_ACCOUNT, "token").exists():
            config = KubeConfig.from_service_account(SERVICE_ACCOUNT)
        else:
            path = path or Path(DEFAULT_KUBECONFIG).expanduser()
            where = str(path)
            if not path.is_file():
                raise CredentialsError(_MISSING.format(path))
            config = KubeConfig.from_file(path)
        # lightkube gives a tuple where its annotation says that it may be None, which is for no default.
        chosen = cast("SingleConfig", config.get(context))
        chosen = chosen._replace(user=_user(chosen.user))
        client = AsyncClient(chosen, ConnectionParams())
    except CredentialsError:
        raise
    except Exception as error:  # lightkube lets through what a wrong file makes Python, YAML or TLS raise
        text = f"{where} cannot be used: {type(error).__name__}: {error}"
        raise CredentialsError(f"{text}; does `kubectl config view` read it?") from error
    return Api(client, manager, chosen.namespace)


_MISSING = (
    "there is no kubeconfig {}, and this is not a pod with a service account; name one with --kubeconfig or KUBECONFIG"
)


def _user(user: User | None) -> User:
    """Return a user whose program for credentials lightkube runs: of its versions it takes v1beta1, which is as v1."""
    if user is None:
        return User()
    program = user.exec
    if program is not None:
        asked = {"apiVersion": program.apiVersion, "kind": "ExecCredential", "spec": {"interactive": False}}
        told = NameValue("KUBERNETES_EXEC_INFO", json.dumps(asked))
        program.env = [told, *(program.env or [])]
        if program.apiVersion == f"{_EXEC}/v1":
            program.apiVersion = f"{_EXEC}/v1beta1"
    return user


def _named() -> Path | None:
    """Return the file that KUBECONFIG names: of several the first that exists, as they are not merged."""
    names = [Path(one) for one in os.environ.get("KUBECONFIG", "").split(os.pathsep) if one]
    return next((one for one in names if one.is_file()), names[0] if names else None)
