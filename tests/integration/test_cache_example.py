"""The example runs as printed, and needs nothing of callboard but the cache and the clock."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.engines import Engines

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "cache_alone.py"

PARTS = """
import sys
sys.path.insert(0, {folder!r})
import cache_alone
parts = {{".".join(name.split(".")[:2]) for name in sys.modules}}
print(*sorted(part for part in parts if part.startswith("callboard")))
"""


@pytest.mark.engines
def test_the_example_reads_through_and_is_told_the_new_price(engines: Engines) -> None:
    place = urlsplit(engines.valkey.url)
    url = f"redis://:{engines.valkey.password}@{place.netloc}/0"
    done = subprocess.run(
        [sys.executable, EXAMPLE, url], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line.partition("value='")[2][:4] for line in lines] == ["1.20", "1.20", "1.30"]


def test_the_cache_brings_no_other_part_of_callboard_along() -> None:
    code = PARTS.format(folder=str(EXAMPLE.parent))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.split() == ["callboard", "callboard.cache", "callboard.clock"]


def test_the_example_is_as_short_as_it_is_said_to_be() -> None:
    code = [line for line in EXAMPLE.read_text("utf-8").splitlines() if line.strip()]
    told = [line for line in code if '"""' not in line]
    assert len(told) <= 22, "20 lines of code, besides docstrings"
