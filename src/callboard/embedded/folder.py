"""The data directory, for one callboard at a time."""

import fcntl
from pathlib import Path
from typing import IO

from callboard.errors import ConfigurationError

__all__ = ["DataFolder", "try_lock"]


def try_lock(path: Path) -> IO[str] | None:
    """Return a held lock on a file, None when another process holds it; closing gives it back.

    Raises:
        OSError: the file cannot be opened.
    """
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


class DataFolder:
    """A lock on the folder of the embedded engines; the kernel drops it when we die."""

    name = "data-folder"

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._lock: IO[str] | None = None

    async def start(self) -> None:
        """Take the folder.

        Raises:
            ConfigurationError: it cannot be made, or another callboard has it.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = try_lock(self._path / "callboard.lock")
        except OSError as error:
            message = f"CALLBOARD_DATA_DIR cannot be used: {error}"
            raise ConfigurationError(message) from error
        if self._lock is None:
            message = (
                f"another callboard runs on {self._path}: stop it, set CALLBOARD_DATA_DIR to "
                f"another folder, or give both the same MONGODB_URL and REDIS_URL"
            )
            raise ConfigurationError(message)

    async def stop(self) -> None:
        """Give the folder back."""
        if self._lock is not None:
            self._lock.close()
