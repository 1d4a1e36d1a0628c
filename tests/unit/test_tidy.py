"""Style as a test: short files and functions, docstrings, no sleeping, no registry's address."""

import ast
import importlib
import inspect
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FILE_LINES_MAX = 350
FUNCTION_LINES_MAX = 60

LONGER_FUNCTIONS: dict[str, str] = {}
"""`path:name` of a function that may be longer, with the reason."""

# Put together here, so that this file does not contain what it looks for.
LEFT_OVER = "FIX" + "ME"
REGISTRIES = ("py" + "pi.org", "files.python" + "hosted", "registry.npm" + "js")
SLEEPS_NEVER = ("time", "sleep")
NO_BARE_SLEEP = ("contract", "integration", "e2e")

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file git knows."""
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = (ROOT / name for name in listed.split("\0") if name)
    return tuple(path for path in found if path.is_file())


@cache
def sources() -> dict[Path, ast.Module]:
    """Return every Python file of src and tests, parsed."""
    files = chain((ROOT / "src").rglob("*.py"), (ROOT / "tests").rglob("*.py"))
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}


def where(path: Path, node: ast.stmt | ast.expr | None = None) -> str:
    """Name a place as editors read it."""
    line = f":{node.lineno}" if node is not None else ""
    return f"{path.relative_to(ROOT)}{line}"


def calls(tree: ast.Module, module: str, name: str) -> Iterator[ast.Call]:
    """Yield the calls of `module.name(…)`."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == name
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == module
        ):
            yield node


def test_no_file_is_too_long_to_be_read_in_one_go() -> None:
    lengths = {path: len(path.read_bytes().splitlines()) for path in sources()}
    assert {where(p): n for p, n in lengths.items() if n > FILE_LINES_MAX} == {}


def test_no_function_is_too_long_to_be_seen_at_once() -> None:
    found = {}
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    found[f"{where(path)}:{node.name}"] = length
    assert {name: length for name, length in found.items() if name not in LONGER_FUNCTIONS} == {}
    assert set(LONGER_FUNCTIONS) <= set(found), "a listed function has become short: take it out"


def test_nothing_is_left_over_for_later() -> None:
    assert [where(path) for path in sources() if LEFT_OVER in path.read_text("utf-8")] == []


def test_every_package_and_module_says_what_it_is_for() -> None:
    assert [where(path) for path, tree in sources().items() if not ast.get_docstring(tree)] == []


def test_nothing_ever_blocks_the_loop_to_wait() -> None:
    found = [
        where(p, call) for p, tree in sources().items() for call in calls(tree, *SLEEPS_NEVER)
    ]
    assert found == []


def test_tests_wait_for_something_rather_than_for_some_time() -> None:
    found = []
    for path, tree in sources().items():
        if path.relative_to(ROOT).parts[:2] not in {("tests", kind) for kind in NO_BARE_SLEEP}:
            continue
        for call in calls(tree, "asyncio", "sleep"):
            argument = call.args[0] if call.args else None
            if isinstance(argument, ast.Constant) and argument.value != 0:
                found.append(where(path, call))
    assert found == []


def public_modules() -> list[str]:
    """Return the name of every module of the package that can be imported by itself."""
    package = ROOT / "src" / "callboard"
    names = (path.relative_to(package.parent).with_suffix("") for path in package.rglob("*.py"))
    dotted = (".".join(name.parts).removesuffix(".__init__") for name in names)
    return sorted(name for name in dotted if not name.endswith("__main__"))


@pytest.mark.parametrize("name", public_modules())
def test_every_public_name_exists_and_says_what_it_is_for(name: str) -> None:
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        found = getattr(module, public)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert inspect.getdoc(found), f"{name}.{public} has no docstring"


def test_a_module_lists_each_public_name_once() -> None:
    for name in public_modules():
        names = getattr(importlib.import_module(name), "__all__", [])
        assert len(set(names)) == len(names), name


def test_no_tracked_file_names_a_package_registrys_host() -> None:
    needles = [needle.encode() for needle in REGISTRIES]
    found = [
        where(path) for path in tracked() if any(needle in path.read_bytes() for needle in needles)
    ]
    assert found == []


def test_no_bytecode_nor_database_is_tracked() -> None:
    junk = {".pyc", ".wt", ".aof", ".rdb", ".log"}
    assert [where(path) for path in tracked() if path.suffix in junk] == []
