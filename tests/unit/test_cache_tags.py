"""Tags as one process knows them: what an entry saw, and what may have happened since."""

import pytest

from callboard.cache import tags as module
from callboard.cache.entry import NO_TOKEN, Entry, Seen
from callboard.cache.tags import Tags, floor_of


def value(floor: int, purges: int = 0, server: bytes = b"AAAA") -> bytes:
    """Return a tag's value as `TAG_FLOOR` writes it."""
    return server + floor.to_bytes(8, "big") + purges.to_bytes(8, "big")


def entry(then: Seen, as_of: int = 10, *, strict: bool = False) -> Entry:
    """Return an entry that saw a tag."""
    return Entry(b"V", strict, 1, as_of, as_of, NO_TOKEN, 0, 0, 0, {"t": then}, b"")


def allowed(now: bytes | None, entry: Entry, server: int = 1) -> bool:
    """Tell whether an entry holds, given the tag's value now."""
    tags = Tags("cb:c:")
    tags.learn("t", now, server)
    return tags.allow(entry)


def test_names_and_keys_belong_together() -> None:
    tags = Tags("cb:c:")
    assert tags.raw("tä") == "cb:c:#tä".encode()
    assert tags.name(tags.raw("tä")) == "tä"
    assert tags.name(b"cb:c:calls:#t") is None


def test_a_tag_is_known_until_it_changes() -> None:
    tags = Tags("cb:c:")
    assert tags.unknown(("a", "b")) == ["a", "b"]
    assert tags.learn("a", value(5, 2), 1) == Seen(1, 5, 2)
    assert tags.learn("b", None, 1) == tags.learn("b", b"odd", 1) == Seen(1, 0, 0)
    assert tags.unknown(("a", "b")) == []
    assert floor_of(tags.seen(("a", "b"))) == 5
    assert floor_of({}) == 0
    tags.forget("a")
    tags.forget("a")
    assert tags.unknown(("a", "b")) == ["a"]
    tags.forget_all()
    assert tags.unknown(("b",)) == ["b"]


def test_an_entry_from_after_the_floor_holds_and_one_from_before_does_not() -> None:
    assert allowed(value(10), entry(Seen(1, 0, 0), 10))
    assert not allowed(value(11), entry(Seen(1, 0, 0), 10))


def test_without_a_clock_nothing_may_have_moved() -> None:
    assert allowed(value(5), entry(Seen(1, 5, 0), 0, strict=True))
    assert not allowed(value(6), entry(Seen(1, 5, 0), 0, strict=True))


def test_an_invalidation_without_a_time_ends_all_that_saw_less() -> None:
    assert allowed(value(0, 1), entry(Seen(1, 0, 1)))
    assert not allowed(value(0, 2), entry(Seen(1, 0, 1)))


@pytest.mark.parametrize(("then", "now", "holds"), [(1, 2, False), (0, 2, True), (1, 0, True)])
def test_a_server_that_lost_its_memory_may_have_lost_a_floor(
    then: int, now: int, holds: bool
) -> None:
    assert allowed(None, entry(Seen(then, 0, 0)), now) is holds


def test_only_so_many_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KNOWN_MAX", 3)
    tags = Tags("cb:c:")
    for number in range(10):
        tags.learn(str(number), None, 1)
        assert len(tags._known) <= 3
        assert tags.unknown((str(number),)) == []
