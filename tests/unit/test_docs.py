"""Documents that cannot drift: settings, log events, commands and links are checked."""

import re
from pathlib import Path

import pytest

from callboard.cli.main import root
from callboard.settings import Settings

ROOT = Path(__file__).parent.parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
OPERATING = (ROOT / "docs" / "operating.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
LEVELS = "debug|info|warning|error|exception"
EVENT = re.compile(rf"""_?log(?:\.(?:{LEVELS}))?\(\s*"([a-z_.]+)\"""")


def test_every_setting_has_its_row_in_both_tables() -> None:
    names = [str(field.validation_alias) for field in Settings.model_fields.values()]
    assert [name for name in names if f"| `{name}` |" not in OPERATING] == []
    assert [name for name in names if f"| `{name}` |" not in README] == []


def test_every_log_event_says_what_to_do() -> None:
    events: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        events |= set(EVENT.findall(path.read_text("utf-8")))
    assert len(events) > 10
    assert sorted(event for event in events if f"| `{event}` |" not in OPERATING) == []


def test_every_command_is_named() -> None:
    prose = "\n".join(page.read_text("utf-8") for page in PAGES)
    assert [name for name in root.commands if f"callboard {name}" not in prose] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_page_has_one_title_and_links_that_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    assert len(re.findall(r"^# ", text, flags=re.MULTILINE)) == 1
    targets = [link for link in LINK.findall(text) if "://" not in link]
    assert [link for link in targets if not (page.parent / link).exists()] == []
