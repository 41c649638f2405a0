"""Compiles the C half while the distribution is built.

With the system's C compiler, otherwise with zig, which then is a requirement of the build. Zig is told how old a glibc
may be, so its module gets a manylinux tag; what cc makes may need the glibc of this machine, and is tagged for Linux.
On other systems there is no module: the wheel has the Python half alone.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from types import ModuleType

PACKAGE = "metaprotocol_envoy"
MODULE = "libmetaprotocol_envoy.so"
ZIG = "ziglang>=0.13"


class ModuleBuildHook(BuildHookInterface[Any]):
    """Puts the dynamic module into the wheel; in an editable installation, beside its Python half in the tree."""

    PLUGIN_NAME = "custom"
    _folder: tempfile.TemporaryDirectory[str] | None = None

    def dependencies(self) -> list[str]:
        """Return what the build needs beyond hatchling."""
        return [ZIG] if self._wanted and not self._compile.system_compiler() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the module before the files are collected.

        Raises:
            NoCompiler: There is neither cc nor ziglang.
            subprocess.CalledProcessError: The compiler failed.
        """
        if not self._wanted:
            return
        compile_ = self._compile
        compiler = compile_.system_compiler() or compile_.zig()
        if version == "editable":
            output = Path(self.root) / "src" / PACKAGE / MODULE
        else:
            self._folder = tempfile.TemporaryDirectory(prefix="metaprotocol-envoy-")
            output = Path(self._folder.name) / MODULE
            build_data["force_include"][str(output)] = f"{PACKAGE}/{MODULE}"
            record = output.with_name("native.digest")
            record.write_text(compile_.digest(), "ascii")
            build_data["force_include"][str(record)] = f"{PACKAGE}/{record.name}"
        compile_.build_module(output, compiler)
        # Only zig was told which glibc to link against.
        glibc = f"manylinux_{compile_.GLIBC.replace('.', '_')}" if "-target" in compiler else "linux"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{glibc}_{platform.machine()}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what is in the wheel now."""
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def _wanted(self) -> bool:
        return self.target_name == "wheel" and sys.platform == "linux"

    @property
    def _compile(self) -> ModuleType:
        """The program engine/native/compile.py."""
        spec = importlib.util.spec_from_file_location(
            "metaprotocol_envoy_compile", Path(self.root, "native/compile.py")
        )
        if spec is None or spec.loader is None:
            raise ImportError("native/compile.py cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
