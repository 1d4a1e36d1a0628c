"""The one table of keys: the contract's TTLs, one slot per shard, spread evenly, never moving."""

import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support.builders import sid

from callboard.app.caching import table
from callboard.app.keyspace_page import page
from callboard.cache.entry import checked_tags
from callboard.cli.keyspaces import keyspaces
from callboard.errors import ConfigurationError
from callboard.keyspaces import CACHED, CAMPAIGNS, LIVE, SUMMARY, VIEWS, ViewSpace, scope_of
from callboard.settings import load_settings


def test_the_time_to_live_of_each_view_is_the_caching_documents() -> None:
    assert [(view.name, view.ttl_s) for view in VIEWS] == [
        ("live", 15),
        ("campaign", 30),
        ("summary", 60),
    ]
    assert VIEWS == (LIVE, CAMPAIGNS, SUMMARY)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_shards_items_and_log_share_a_slot_and_no_two_keys_are_equal(view: ViewSpace) -> None:
    keys = [view.head_key]
    for shard in range(view.shards):
        items, log = view.items_key(shard), view.log_key(shard)
        tags = [re.findall(r"\{([^}]+)\}", key) for key in (items, log)]
        assert tags[0] == tags[1] == [f"{shard:02d}"]
        keys += [items, log]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith("cb:") for key in keys)


def test_live_calls_are_spread_over_all_shards() -> None:
    spread = Counter(LIVE.shard_of(sid(number)) for number in range(4_000))
    assert set(spread) == set(range(LIVE.shards))
    assert max(spread.values()) < 2 * min(spread.values())


def test_ids_that_differ_in_their_last_digits_are_spread_too() -> None:
    assert len({LIVE.shard_of(f"CA{'f' * 29}{number:03x}") for number in range(64)}) > 1


def test_a_shard_never_moves_between_releases() -> None:
    assert [LIVE.shard_of(key) for key in ("", "CA1", "é")] == [0, 5, 6]


def test_the_time_to_live_of_each_cached_thing_is_the_contracts() -> None:
    assert {row.name: (row.space.ttl_s, row.space.soft_ttl_s) for row in CACHED} == {
        "call": (300, None),
        "recent": (30, None),
        "calls": (30, None),
        "details": (300, None),
        "contacts": (300, None),
        "forecast": (30, None),
        "analytics": (3_600, 900),
        "analytics-today": (60, None),
        "period": (900, None),
        "durations": (300, None),
        "concurrency": (60, None),
        "failures": (10, None),
    }
    assert not {row.name for row in CACHED} & {view.name for view in VIEWS}


def test_settings_change_ttls_and_soft_ttls_keep_their_share() -> None:
    rows = table({"call": 20, "analytics": 60})
    assert (rows["call"].space.ttl_s, rows["call"].space.negative_ttl_s) == (20, 20)
    assert (rows["analytics"].space.ttl_s, rows["analytics"].space.soft_ttl_s) == (60, 15)
    assert rows["details"] is table({})["details"]


@pytest.mark.parametrize(
    ("ttls", "message"),
    [
        ({"cals": 5}, "there is no keyspace 'cals'; there are call, recent"),
        ({"call": 0}, "the TTL of 'call' must be 1 to 86400 seconds"),
        ({"call": 1e9}, "the TTL of 'call' must be 1 to 86400 seconds"),
        ({"call": float("nan")}, "the TTL of 'call'"),
    ],
)
def test_a_setting_that_cannot_be_is_named(ttls: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table(ttls)


def test_rows_that_share_a_tag_share_its_window() -> None:
    for row in CACHED:
        if row.window_of:
            assert row.window_s == table({})[row.window_of].window_s
    found = table({}, {"calls": 30, "analytics-today": 0})
    assert {name for name, row in found.items() if row.window_s == 30} == {
        "calls",
        "forecast",
        "failures",
    }
    assert found["period"].window_s == found["analytics-today"].window_s == 0
    assert found["recent"] == table({})["recent"]


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ({"calm": 5}, "there is no keyspace 'calm'; there are call, recent, "),
        ({"forecast": 5}, "'forecast' has the window of 'calls'"),
        ({"call": 5}, "'call' has no window: its entries are made old at once"),
        ({"recent": -1}, "the window of 'recent' must be 0 to 3600 seconds"),
        ({"recent": float("nan")}, "the window of 'recent'"),
    ],
)
def test_a_window_that_cannot_be_is_named(windows: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table({}, windows)


@given(st.text(max_size=200), st.text(max_size=200))
def test_campaigns_have_tags_of_their_own_that_fit(one: str, other: str) -> None:
    try:
        one.encode(), other.encode()
    except UnicodeEncodeError:
        return
    scopes = scope_of(one), scope_of(other)
    assert (scopes[0] == scopes[1]) == (one == other)
    for row in CACHED:
        tags = row.space.tags(f"{scopes[0]}|2026-11-22|x")
        assert checked_tags(tags) == tags
        assert tags[:2] == ("all", f"space:{row.name}")
        assert all("|" not in tag for tag in tags)
        assert scopes[0]
        assert not {tag for tag in tags[2:] if not tag.endswith(f"@{scopes[0]}")}
        row.space.key(f"{scopes[0]}|2026-11-22|2026-11-23")


def test_the_page_is_the_tables() -> None:
    path = Path(__file__).parents[2] / "docs/internals/keyspaces.md"
    again = "run: callboard keyspaces --markdown > docs/internals/keyspaces.md"
    assert path.read_text() == page(table({})), again


def test_the_command_shows_the_ttls_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLBOARD_CACHE_TTLS", "call=77, recent=5")
    shown = CliRunner().invoke(keyspaces)
    assert shown.exit_code == 0
    assert "77 s" in shown.output
    names = [row.name for row in CACHED] + [view.name for view in VIEWS]
    assert all(name in shown.output for name in names)
    monkeypatch.setenv("CALLBOARD_CACHE_WINDOWS", "recent=33")
    assert "33 s" in CliRunner().invoke(keyspaces).output
    monkeypatch.setenv("CALLBOARD_CACHE_WINDOWS", "call=33")
    assert "CALLBOARD_CACHE_WINDOWS" in str(CliRunner().invoke(keyspaces).exception)
    monkeypatch.delenv("CALLBOARD_CACHE_WINDOWS")
    monkeypatch.setenv("CALLBOARD_CACHE_TTLS", "calm=5")
    assert isinstance(CliRunner().invoke(keyspaces).exception, ConfigurationError)
    monkeypatch.setenv("CALLBOARD_CACHE_TTLS", "call")
    with pytest.raises(ConfigurationError, match="CALLBOARD_CACHE_TTLS"):
        load_settings()
