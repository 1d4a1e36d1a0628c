"""API keys as operators write them; what is wrong is named without quoting the key."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.builders import START

from callboard.app.keys import KeyRing, check_name, first_admin_key, parse_keys, parse_scopes
from callboard.delivery.auth import ApiKey, hash_key
from callboard.errors import ConfigurationError
from callboard.store.access import Grant

KEY = "0123456789abcdef"


def test_keys_are_read_with_their_names_and_scopes() -> None:
    board, sync = parse_keys(f" board:read:{KEY} ,, sync:read+write:{KEY}:with:colons,")
    assert (board.name, board.scopes) == ("board", frozenset({"read"}))
    assert board.hashed == hash_key(KEY)
    assert (sync.name, sync.scopes) == ("sync", frozenset({"read", "write"}))
    assert sync.hashed == hash_key(f"{KEY}:with:colons")


def test_only_a_hash_is_kept() -> None:
    assert KEY not in repr(parse_keys(f"board:read:{KEY}"))


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_no_keys_are_no_error(text: str) -> None:
    assert parse_keys(text) == []


@pytest.mark.parametrize(
    "entry",
    [
        KEY,
        f"board:{KEY}",
        f"board::{KEY}",
        f":read:{KEY}",
        f"board:read+:{KEY}",
        f"board:everything:{KEY}",
        f"board:READ:{KEY}",
        f"board: read:{KEY}",
        "board:read:short-secret",
        "board:read:",
    ],
)
def test_a_wrong_entry_is_named_by_its_number_and_never_quoted(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="CALLBOARD_API_KEYS, entry 2") as caught:
        parse_keys(f"good:read:{KEY}x,{entry}")
    assert KEY not in str(caught.value)
    assert "short-secret" not in str(caught.value)


class Access:
    """A store that keeps the first admin key it is given."""

    def __init__(self) -> None:
        self.kept: str | None = None

    async def admin_key_hash(self, hashed: str) -> tuple[str, bool]:
        """Keep a hash unless there is one."""
        is_new = self.kept is None
        self.kept = hashed if self.kept is None else self.kept
        return self.kept, is_new


async def test_the_first_admin_key_is_shown_once() -> None:
    access = Access()
    key, shown = await first_admin_key(access)  # type: ignore[arg-type]  # a store in memory
    assert key is not None
    assert shown is not None
    assert key.hashed == hash_key(shown)
    assert key.scopes == {"admin"}
    again, hidden = await first_admin_key(access)  # type: ignore[arg-type]  # a store in memory
    assert (again, hidden) == (key, None)


async def test_an_admin_key_that_was_revoked_is_not_made_again() -> None:
    access = Access()
    access.kept = ""
    assert await first_admin_key(access) == (None, None)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("text", ["", "all", "read,write", "READ", "read+"])
def test_a_scope_nobody_knows_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="read, write or admin"):
        parse_scopes(text)


@pytest.mark.parametrize("name", ["", "a b", "-x", "link-1", "x" * 65, "a:b", "\u00e9", "a\n"])
def test_a_name_that_could_be_mistaken_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="name"):
        check_name(name, [])


def test_a_name_of_the_settings_is_taken() -> None:
    named = parse_keys(f"board:read:{KEY}")
    with pytest.raises(ConfigurationError, match="CALLBOARD_API_KEYS"):
        check_name("board", named)
    check_name("board-2", named)


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        parse_keys(f"board:read:{KEY},board:admin:{KEY}x")


def test_a_key_in_the_wrong_place_is_not_quoted_either() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_keys(f"{KEY}:read:board")
    assert KEY not in str(caught.value)


class Stored:
    """A store that holds these keys and links."""

    def __init__(self, *grants: Grant) -> None:
        self.held = list(grants)

    async def grants(self) -> list[Grant]:
        """Return them."""
        return self.held


def stored_key(name: str, text: str) -> Grant:
    """Return a stored key."""
    return Grant(name, frozenset({"read"}), hash_key(text), created_at=START)


async def keys_of(named: str, *grants: Grant) -> dict[str, ApiKey]:
    """Return who may come in, by name."""
    ring = KeyRing(Stored(*grants), parse_keys(named))  # type: ignore[arg-type]  # as above
    return {key.name: key for key in await ring.keys()}


async def test_the_settings_keys_hide_stored_ones_of_their_name() -> None:
    keys = await keys_of(f"board:admin:{KEY}", stored_key("board", "x"), stored_key("wall", "y"))
    assert keys["board"] == ApiKey("board", frozenset({"admin"}), hash_key(KEY))
    assert keys["wall"].hashed == hash_key("y")


async def test_the_made_key_counts_only_while_the_settings_name_none() -> None:
    made = Grant("admin", frozenset({"admin"}), hash_key("made"), is_made=True)
    assert set(await keys_of("", made)) == {"admin"}
    assert set(await keys_of(f"board:read:{KEY}", made)) == {"board"}
    assert set(await keys_of(f"board:read:{KEY}", stored_key("admin", "x"))) == {"board", "admin"}


async def test_a_link_is_known_for_as_long_as_its_session_may_last() -> None:
    """Another process may have used it: its session is known here by the unused link."""
    ends = START + timedelta(minutes=10)
    unused = Grant("link-1", frozenset({"read"}), "h", is_link=True, ends_at=ends)
    key = (await keys_of("", unused))["link-1"]
    assert key.is_link
    assert key.expires_at == (ends + timedelta(hours=12)).timestamp()
    used = replace(unused, used_at=START)
    assert (await keys_of("", used))["link-1"].expires_at == ends.timestamp()
