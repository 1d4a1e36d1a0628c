"""Every finding that the doctor can make is listed where operators look."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NAME = re.compile(r'"((?:settings|signatures|machine|mongodb|redis|figures|server)\.[a-z-]+)"')


def test_every_finding_is_listed_with_what_to_do() -> None:
    sources = [
        *(ROOT / "src/callboard/app/doctor").glob("*.py"),
        ROOT / "src/callboard/cli/doctor.py",
    ]
    names = {name for path in sources for name in NAME.findall(path.read_text("utf-8"))}
    names |= {f"{engine}.clock" for engine in ("mongodb", "redis", "server")}
    assert len(names) > 50
    page = (ROOT / "docs/operating.md").read_text("utf-8")
    section = page.partition("## callboard doctor")[2].partition("\n## ")[0]
    assert sorted(name for name in names if f"`{name}`" not in section) == []
    listed = set(
        re.findall(
            r"`((?:settings|signatures|machine|mongodb|redis|figures|server)\.[a-z-]+)`", section
        )
    )
    assert sorted(listed - names) == []
