"""Certificates for tests of mutual TLS."""

import subprocess
from pathlib import Path

import pytest


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a key and a certificate that is both sides' and their authority; skip the test without openssl.

    Args:
        folder: Takes the two files.
        name: The subject's alternative name: a host, or a URI such as a SPIFFE id.
    """
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", f"subjectAltName={'URI' if '://' in name else 'DNS'}:{name}"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no openssl here")
    return key, certificate
