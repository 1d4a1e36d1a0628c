"""API keys as operators write them; what is wrong is named without quoting the key."""

import pytest

from callboard.app.keys import first_admin_key, parse_keys
from callboard.delivery.auth import hash_key
from callboard.errors import ConfigurationError

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
        self.kept = self.kept or hashed
        return self.kept, is_new


async def test_the_first_admin_key_is_shown_once() -> None:
    access = Access()
    key, shown = await first_admin_key(access)  # type: ignore[arg-type]  # a store in memory
    assert shown is not None
    assert key.hashed == hash_key(shown)
    assert key.scopes == {"admin"}
    again, hidden = await first_admin_key(access)  # type: ignore[arg-type]  # a store in memory
    assert (again.hashed, hidden) == (key.hashed, None)


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        parse_keys(f"board:read:{KEY},board:admin:{KEY}x")


def test_a_key_in_the_wrong_place_is_not_quoted_either() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_keys(f"{KEY}:read:board")
    assert KEY not in str(caught.value)
