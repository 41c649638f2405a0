"""Renders the template and writes the project, all of it or nothing."""

from __future__ import annotations

import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaprotocol_cli.new.problems import AnswersError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from metaprotocol_cli.new.names import Names

# Those of cookiecutter.json under _jinja2_env_vars.
JINJA_OPTIONS = {"trim_blocks": True, "lstrip_blocks": True}


def template() -> Path:
    """Return the folder of the template: in the wheel beside this package, in a checkout at its root."""
    package = Path(str(resources.files("metaprotocol_cli")))
    installed = package / "templates" / "awesomerpc"
    return installed if installed.is_dir() else package.parents[1] / "templates" / "awesomerpc"


def context(names: Names, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object that the template calls `cookiecutter`."""
    return {
        "name": names.name,
        "project": names.project,
        "package": names.package,
        "author": names.author,
        "__codec_class": names.codec_class,
        **values,
    }


def render(values: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of the project, by their paths below the folder in which it is put.

    Args:
        values: The result of `context`.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template()),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python, not HTML
        **JINJA_OPTIONS,  # type: ignore[arg-type]
    )
    files: dict[str, bytes] = {}
    for path in _files(template()):
        target = environment.from_string(path).render(cookiecutter=values)
        if not target.endswith("/"):  # a name that comes out empty: this project has no such file
            files[target] = environment.get_template(path).render(cookiecutter=values).encode()
    return files


def free_place(folder: Path, project: str) -> Path:
    """Return the path of a new project.

    Raises:
        AnswersError: Something of this name exists.
    """
    target = folder / project
    if target.exists() or target.is_symlink():
        raise AnswersError(f"{target} exists already, and nothing is overwritten")
    return target


def write(files: Mapping[str, bytes], folder: Path, project: str) -> Path:
    """Write the files and return the project's folder.

    They are written to a folder beside it, which is moved when it is complete, so that a failure leaves no files.

    Args:
        files: The result of `render`.
        folder: The folder in which to put the project.
        project: The name of its folder.

    Raises:
        AnswersError: Something of this name exists, or the project cannot be written.
    """
    target = free_place(folder, project)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{project}-", dir=folder, ignore_cleanup_errors=True) as temporary:
            for path, content in files.items():
                file = Path(temporary, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            shutil.move(Path(temporary, project), target)
    except OSError as error:
        raise AnswersError(f"{target} cannot be written: {error.strerror or error}") from error
    return target


def _files(root: Path) -> Iterator[str]:
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and name.startswith("{{") and "__pycache__" not in name:
            yield name
