"""How a benchmark reports: a table on the screen, and a file with machine and commit."""

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from callboard.clock import SystemClock, isoformat_z

__all__ = ["cpu_s", "write_report"]

_RESULTS = Path(__file__).parent / "results"


def write_report(name: str, question: str, rows: list[dict[str, Any]]) -> None:
    """Print the rows and write them to `results/NAME.json`."""
    width = {key: max(len(key), *(len(str(row[key])) for row in rows)) for key in rows[0]}
    print("\n" + question.strip().splitlines()[0] + "\n")
    print("  ".join(key.ljust(width[key]) for key in rows[0]))
    for row in rows:
        print("  ".join(str(value).ljust(width[key]) for key, value in row.items()))
    report = {
        "question": question.strip(),
        "measured_at": isoformat_z(SystemClock().now()),
        "commit": _commit(),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load": os.getloadavg(),
        },
        "rows": rows,
    }
    _RESULTS.mkdir(exist_ok=True)
    text = json.dumps(report, indent=2, ensure_ascii=False)
    (_RESULTS / f"{name}.json").write_text(text + "\n")


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (fixed words)
    return found.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
