"""The wheel carries the built page, so that installing it needs no Node."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from callboard.delivery.page import DIST

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.skipif(not DIST.exists(), reason="run `make setup`: no page is built")
def test_the_wheel_carries_the_page_and_its_licences(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    page = "callboard/delivery/web/dist/"
    built = {page + str(path.relative_to(DIST)) for path in DIST.rglob("*") if path.is_file()}
    assert built <= names
    assert page + "THIRD_PARTY_LICENSES.txt" in built
    assert "callboard/py.typed" in names
    assert not [name for name in names if "node_modules" in name or name.startswith("tests")]
