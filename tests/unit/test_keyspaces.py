"""The one table of keys: the contract's TTLs, one slot per shard, spread evenly, never moving."""

import re
from collections import Counter

import pytest
from support.builders import sid

from callboard.keyspaces import CAMPAIGNS, LIVE, SUMMARY, VIEWS, ViewSpace


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
