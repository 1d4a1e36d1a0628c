"""Who used the processor: a server and its engines, the load, and the rest (Linux)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from report import cpu_s

from callboard.clock import SystemClock

__all__ = ["Sample", "children", "memory_mb", "sample"]

_CLOCK = SystemClock()
_PROC = Path("/proc")


@dataclass(frozen=True)
class Sample:
    """Processor seconds used up to an instant."""

    at_s: float
    used_s: dict[str, float]
    """By the processes that were asked about; all threads of each."""
    idle_s: float
    """Of all cores together."""

    def since(self, earlier: "Sample") -> "Sample":
        """Return what was used since; `at_s` is then how long that is."""
        used_s = {name: used - earlier.used_s[name] for name, used in self.used_s.items()}
        return Sample(self.at_s - earlier.at_s, used_s, self.idle_s - earlier.idle_s)

    def cores(self) -> dict[str, float]:
        """Return a difference as busy cores: each process, everybody else, and idle."""
        shares = {name: used / self.at_s for name, used in self.used_s.items()}
        idle = self.idle_s / self.at_s
        others = (os.cpu_count() or 1) - idle - sum(shares.values())
        return {**shares, "others": max(others, 0.0), "idle": idle}


def sample(processes: Mapping[str, int]) -> Sample:
    """Look at the processes now."""
    used_s = {name: cpu_s(pid) for name, pid in processes.items()}
    fields = (_PROC / "stat").read_text().splitlines()[0].split()
    idle_s = (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")
    return Sample(_CLOCK.monotonic_s(), used_s, idle_s)


def children(parent: int) -> dict[str, int]:
    """Return the process ids of a process' children by the names of their programs."""
    found: dict[str, int] = {}
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue  # it has ended
        if int(rest.split()[1]) == parent:
            found[name] = int(folder.name)
    return found


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
