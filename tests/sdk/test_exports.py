"""`import metaprotocol_sdk` gives the public names, and loads nothing else."""

import ast
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import metaprotocol_sdk

HEAVY = ["asyncio", "click", "construct", "hypothesis", "jinja2", "pytest", "rich"]


def modules() -> list[str]:
    found = [info.name for info in pkgutil.iter_modules(metaprotocol_sdk.__path__) if not info.ispkg]
    return [f"metaprotocol_sdk.{name}" for name in found]


def loaded_after(statements: str) -> list[str]:
    """Run statements in a fresh interpreter and return the modules of HEAVY that they load."""
    script = f"{statements}\nimport json, sys\nprint(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_importing_the_sdk_loads_nothing_heavy() -> None:
    assert loaded_after("import metaprotocol_sdk") == []


def test_importing_the_sdk_loads_no_helper() -> None:
    """Only a codec that uses one pays for it: the table of foreign bytes has dozens of regular expressions."""
    script = (
        "import metaprotocol_sdk, sys; print([name for name in sys.modules if name.startswith('metaprotocol_sdk.')])"
    )
    loaded = ast.literal_eval(
        subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout.decode()
    )
    assert [name for name in loaded if not name.split(".")[1].startswith("_")] == []


def test_listing_the_codecs_imports_none_of_them() -> None:
    assert loaded_after("import metaprotocol_sdk as sdk; assert sdk.available_codecs()") == []


def test_construct_is_loaded_where_a_layout_is_declared() -> None:
    """And the check above would see it."""
    assert loaded_after("import metaprotocol_sdk as sdk; sdk.load_codec('awesomerpc')") == ["construct"]


@pytest.mark.parametrize("name", metaprotocol_sdk.__all__)
def test_every_exported_name_is_there_and_documented(name: str) -> None:
    value = getattr(metaprotocol_sdk, name)
    if inspect.isclass(value) or callable(value):
        assert inspect.getdoc(value)


def test_the_exports_are_sorted_constants_then_classes_then_functions() -> None:
    def key(name: str) -> tuple[bool, bool, str]:
        return (not name.isupper(), name.islower(), name)

    assert metaprotocol_sdk.__all__ == sorted(set(metaprotocol_sdk.__all__), key=key)


@pytest.mark.parametrize("module_name", modules())
def test_every_public_class_of_a_module_is_exported(module_name: str) -> None:
    module = importlib.import_module(module_name)
    for name, value in inspect.getmembers(module, inspect.isclass):
        if value.__module__ == module_name and not name.startswith("_"):
            assert not module_name.split(".")[1].startswith("_"), "a public class in a private module is exported"


@pytest.mark.parametrize("name", sorted(set(metaprotocol_sdk.__all__) - {"ENTRY_POINT_GROUP"}))
def test_a_public_name_is_shown_as_the_place_that_people_import_it_from(name: str) -> None:
    assert getattr(metaprotocol_sdk, name).__module__ == "metaprotocol_sdk"


CLASSES = [value for name in metaprotocol_sdk.__all__ if inspect.isclass(value := getattr(metaprotocol_sdk, name))]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_public_method_is_documented(cls: type) -> None:
    for name, member in vars(cls).items():
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
            assert inspect.getdoc(getattr(cls, name)), f"{cls.__name__}.{name}"


def test_every_member_of_a_vocabulary_is_documented() -> None:
    """A string below each member: what an editor shows."""
    source = Path(importlib.import_module("metaprotocol_sdk._enums").__file__).read_text("utf-8")
    for cls in (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)):
        body = [node for node in cls.body[1:] if not isinstance(node, ast.FunctionDef)]
        members, texts = body[::2], body[1::2]
        assert all(isinstance(member, ast.Assign) for member in members), cls.name
        assert [isinstance(text.value, ast.Constant) for text in texts] == [True] * len(members), cls.name


def test_the_package_is_typed() -> None:
    assert (Path(metaprotocol_sdk.__file__).parent / "py.typed").is_file()
