"""The folder that `deploy/proxy/bundle.sh` makes for a proxy's container."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from live_envoy import Release
from mesh_files import LISTENER, ROUTES, SERVICE, rendered
from required import require

from metaprotocol_envoy import LibpythonNotFound, find_libpython
from metaprotocol_mesh.render.engine import Engine

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[3]
HOME = PurePosixPath("/opt/metaprotocol")
PROXY_USER = 1337


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a file system with nothing but the folder."""
    try:
        find_libpython()
    except LibpythonNotFound as error:
        require("libpython", str(error))
    root = tmp_path_factory.mktemp("root")
    command = [str(ROOT / "deploy" / "proxy" / "bundle.sh"), str(root / HOME.relative_to("/"))]
    command += ["--no-build-isolation", "--no-deps", str(ROOT / "engine"), str(ROOT), "attrs", "construct"]
    made = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "PYTHON": sys.executable}
    )
    if made.returncode:
        require("index", f"the packages cannot be installed: {made.stderr.strip()[-300:]}")
    return root


def libraries(*programs: Path) -> set[str]:
    """Return the shared libraries that programs need, the loader among them."""
    found: set[str] = set()
    for program in programs:
        listed = subprocess.run(["ldd", str(program)], check=True, capture_output=True, text=True).stdout
        found |= set(re.findall(r"(?:=> |^\s*)(/\S+)", listed, re.MULTILINE))
    return found


def test_envoy_loads_a_codec_as_another_user_in_a_root_that_has_only_the_c_library(
    bundle: Path, release: Release
) -> None:
    """As in Istio's distroless image: no shell, no Python, and nothing that the user 1337 may write."""
    chroot = shutil.which("chroot")
    if os.geteuid() or chroot is None:
        pytest.skip("only root can change the root")
    shutil.copy(release.binary(), bundle / "envoy")
    needed = libraries(release.binary(), bundle / HOME.relative_to("/") / "libpython.so")
    assert {Path(one).name.partition(".")[0].partition("-")[0] for one in needed} <= {
        "ld", "libc", "libm", "libdl", "libpthread", "librt", "libutil",
    }  # fmt: skip
    for one in needed:
        target = bundle / one.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one, target)
    config = rendered(SERVICE, ROUTES, LISTENER, engine=Engine.below(HOME)).bootstrap()
    (bundle / "envoy.json").write_text(json.dumps(config))
    bundle.chmod(0o755)
    command = [chroot, f"--userspec={PROXY_USER}:{PROXY_USER}", str(bundle), "/envoy"]
    command += ["--mode", "validate", "-c", "/envoy.json", "--log-level", "warning"]
    environment = {"LD_LIBRARY_PATH": f"{HOME}/lib"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "configuration '/envoy.json' OK" in done.stdout + done.stderr
    # The codec was loaded, and not just named: one that is not there is refused.
    (bundle / "envoy.json").write_text(json.dumps(config).replace("codec = awesomerpc", "codec = nothing"))
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode
    assert "nothing" in done.stderr
