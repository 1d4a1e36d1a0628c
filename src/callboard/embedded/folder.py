"""The data directory, for one callboard at a time."""

import fcntl
from pathlib import Path
from typing import IO

from callboard.errors import ConfigurationError

__all__ = ["DataFolder"]


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
            self._lock = (self._path / "callboard.lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = (
                f"another callboard runs on {self._path}: stop it, set CALLBOARD_DATA_DIR to "
                f"another folder, or give both the same MONGODB_URL and REDIS_URL"
            )
            raise ConfigurationError(message) from error
        except OSError as error:
            message = f"CALLBOARD_DATA_DIR cannot be used: {error}"
            raise ConfigurationError(message) from error

    async def stop(self) -> None:
        """Give the folder back."""
        if self._lock is not None:
            self._lock.close()
