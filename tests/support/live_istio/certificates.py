"""Certificates of workloads, where pilot-agent looks for those of a mesh that brings its own."""

import shutil
import subprocess
from pathlib import Path

import pytest

_CREDENTIALS = Path("var", "run", "secrets", "workload-spiffe-credentials")
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """An authority for one mesh; the test is skipped without openssl.

    Args:
        folder: For its files.
    """

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("there is no openssl here")
        folder.mkdir()
        self._folder = folder
        self._run(
            "req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/O=cluster.local"
        )

    def issue(self, account: str, home: Path) -> None:
        """Give a service account of the namespace `default` its certificate.

        Args:
            account: Its name.
            home: The folder in which its pilot-agent runs.
        """
        target = home / _CREDENTIALS
        target.mkdir(parents=True)
        names = [f"subjectAltName=critical,URI:spiffe://cluster.local/ns/default/sa/{account}"]
        names += ["extendedKeyUsage=serverAuth,clientAuth", "keyUsage=critical,digitalSignature"]
        (self._folder / "extensions").write_text("\n".join(names))
        key, chain = str(target / "key.pem"), str(target / "cert-chain.pem")
        self._run("req", *_KEY, "-keyout", key, "-out", "request.pem", "-subj", "/O=workload")
        signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions"]
        self._run("x509", "-req", "-in", "request.pem", "-out", chain, *signing)
        shutil.copy(self._folder / "ca.pem", target / "root-cert.pem")

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self._folder)
