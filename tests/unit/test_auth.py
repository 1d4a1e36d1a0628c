"""Who may do what: bearer keys, session cookies, scopes."""

from datetime import timedelta

import pytest
from support.builders import START

from callboard.clock import FixedClock
from callboard.delivery.auth import ALL_SCOPES, COOKIE, ApiKey, Gate, Principal, hash_key
from callboard.errors import Unauthorized

READ, WRITE, ADMIN = "read-key-0123456789", "write-key-0123456789", "admin-key-0123456789"
KEYS = [
    ApiKey("board", frozenset({"read"}), hash_key(READ)),
    ApiKey("sync", frozenset({"read", "write"}), hash_key(WRITE)),
    ApiKey("boss", frozenset({"admin"}), hash_key(ADMIN)),
]
SECRET = b"made-up-session-secret"


def gate(
    keys: list[ApiKey] | None = None,
    *,
    secret: bytes = SECRET,
    clock: FixedClock | None = None,
    enabled: bool = True,
) -> Gate:
    """Return a gate."""
    return Gate(
        KEYS if keys is None else keys, secret, clock or FixedClock(START), enabled=enabled
    )


def session_of(made_by: Gate, key: str = READ) -> str:
    """Return the Cookie header of a new session."""
    principal = made_by.by_key(key)
    assert principal is not None
    return f"{COOKIE}={made_by.session(principal)}"


@pytest.mark.parametrize("header", [f"Bearer {READ}", f"bearer {READ}", f"BEARER   {READ} "])
def test_a_bearer_key_is_recognised(header: str) -> None:
    assert gate().principal(header, None, "read") == Principal("board", frozenset({"read"}))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {READ}",
        READ,
        f"Bearer {READ}x",
        f"Bearer {READ[:-1]}",
        f"Bearer {READ.upper()}",
        f"Bearer {hash_key(READ)}",
        "Bearer \u00e9",
    ],
)
def test_anything_else_is_nobody(header: str | None) -> None:
    with pytest.raises(Unauthorized) as caught:
        gate().principal(header, None, "read")
    assert not caught.value.known
    assert READ not in str(caught.value)


def test_a_key_may_do_what_its_scopes_say_and_admin_anything() -> None:
    for key, allowed in ((READ, {"read"}), (WRITE, {"read", "write"}), (ADMIN, ALL_SCOPES)):
        for scope in ALL_SCOPES:
            if scope in allowed:
                gate().principal(f"Bearer {key}", None, scope)
                continue
            with pytest.raises(Unauthorized, match=scope) as caught:
                gate().principal(f"Bearer {key}", None, scope)
            assert caught.value.known


def test_a_session_is_as_good_as_the_key_it_came_from() -> None:
    cookies = session_of(gate())
    assert gate().principal(None, cookies, "read").name == "board"
    assert gate().principal(None, f"theme=dark; {cookies}; x=y", "read").name == "board"
    with pytest.raises(Unauthorized) as caught:
        gate().principal(None, cookies, "write")
    assert caught.value.known


def test_a_session_carries_no_secret() -> None:
    cookies = session_of(gate())
    assert READ not in cookies
    assert hash_key(READ) not in cookies


def test_a_session_runs_out() -> None:
    clock = FixedClock(START)
    opened = gate(clock=clock)
    cookies = session_of(opened)
    clock.advance(timedelta(hours=12))
    opened.principal(None, cookies, "read")
    clock.advance(timedelta(seconds=1))
    with pytest.raises(Unauthorized):
        opened.principal(None, cookies, "read")


def test_a_session_ends_with_its_key_and_follows_its_scopes() -> None:
    cookies = session_of(gate(), WRITE)
    with pytest.raises(Unauthorized):
        gate(KEYS[:1]).principal(None, cookies, "read")
    narrowed = ApiKey("sync", frozenset({"read"}), hash_key(WRITE))
    assert gate([narrowed]).principal(None, cookies, "read").scopes == {"read"}
    with pytest.raises(Unauthorized):
        gate([narrowed]).principal(None, cookies, "write")


def test_a_session_of_another_installation_is_nobodys() -> None:
    with pytest.raises(Unauthorized):
        gate().principal(None, session_of(gate(secret=b"another")), "read")


@pytest.mark.parametrize(
    "value", ["", ".", "..", "a.b.c", "WyJib3NzIiwgOTk5XQ.AAAA", "\u00e9.\u00e9", "x" * 5_000, "="]
)
def test_a_made_up_cookie_is_nobodys(value: str) -> None:
    with pytest.raises(Unauthorized):
        gate().principal(None, f"{COOKIE}={value}", "read")


def test_switched_off_anybody_may_do_anything() -> None:
    assert gate([], enabled=False).principal(None, None, "admin").scopes == ALL_SCOPES


def test_without_keys_nobody_may_do_anything() -> None:
    with pytest.raises(Unauthorized):
        gate([]).principal("Bearer ", None, "read")
    assert gate([]).by_key("") is None


def test_a_session_ends_when_its_key_is_replaced() -> None:
    cookies = session_of(gate())
    replaced = ApiKey("board", frozenset({"read"}), hash_key("a-new-key-0123456789"))
    with pytest.raises(Unauthorized):
        gate([replaced]).principal(None, cookies, "read")


def test_a_session_says_when_it_ends_and_a_key_does_not() -> None:
    opened = gate()
    by_cookie = opened.principal(None, session_of(opened), "read")
    assert by_cookie.expires_at == START.timestamp() + 12 * 3600
    assert opened.principal(f"Bearer {READ}", None, "read").expires_at is None


def test_a_right_ends_with_the_session_the_key_or_its_scope() -> None:
    clock = FixedClock(START)
    opened = gate(clock=clock)
    session = opened.principal(None, session_of(opened, WRITE), "read")
    key = opened.principal(f"Bearer {WRITE}", None, "read")
    assert opened.recheck(session, "write")
    assert opened.recheck(key, "read")
    assert not opened.recheck(key, "admin")

    opened.replace(ApiKey(k.name, frozenset({"read"}), k.hashed) for k in KEYS)
    assert opened.recheck(key, "read")
    assert not opened.recheck(key, "write")

    clock.advance(timedelta(hours=12, seconds=1))
    assert opened.recheck(key, "read")
    assert not opened.recheck(session, "read")

    opened.replace(k for k in KEYS if k.name != "sync")
    assert not opened.recheck(key, "read")


def test_a_new_key_of_the_same_name_is_somebody_else() -> None:
    opened = gate()
    cookies = session_of(opened)
    principals = [
        opened.principal(f"Bearer {READ}", None, "read"),
        opened.principal(None, cookies, "read"),
    ]
    opened.replace([ApiKey("board", frozenset({"admin"}), hash_key("a-new-key-0123456789"))])
    assert not any(opened.recheck(principal, "read") for principal in principals)
    with pytest.raises(Unauthorized):
        opened.principal(None, cookies, "read")


def test_switched_off_every_right_holds() -> None:
    opened = gate([], enabled=False)
    assert opened.recheck(opened.principal(None, None, "read"), "admin")


LINK = "cb_a-one-time-link-0123456789"


def link(ends_in_s: float = 3_600.0) -> ApiKey:
    """Return what a link is to the gate."""
    ends = START.timestamp() + ends_in_s
    return ApiKey("link-1", frozenset({"read"}), hash_key(LINK), ends, is_link=True)


class Links:
    """A store with one link in it."""

    def __init__(self) -> None:
        self.left = {hash_key(LINK): link()}

    async def redeem(self, hashed: str) -> ApiKey | None:
        """Use it up."""
        return self.left.pop(hashed, None)


async def test_a_link_opens_one_session_that_ends_with_it() -> None:
    clock = FixedClock(START)
    opened = Gate(KEYS, SECRET, clock, enabled=True, redeem=Links().redeem)
    assert await opened.by_link("another") is None
    principal = await opened.by_link(LINK)
    assert principal == Principal("link-1", frozenset({"read"}))
    assert await opened.by_link(LINK) is None

    cookies = f"{COOKIE}={opened.session(principal)}"
    elsewhere = gate([*KEYS, link()], clock=clock)  # another process, which has read the link
    for here in (opened, elsewhere):
        assert here.recheck(here.principal(None, cookies, "read"), "read")
        with pytest.raises(Unauthorized):
            here.principal(None, cookies, "write")
    clock.advance(timedelta(hours=1, seconds=1))
    for here in (opened, elsewhere):
        assert not here.recheck(principal, "read")
        with pytest.raises(Unauthorized):
            here.principal(None, cookies, "read")


async def test_a_link_is_no_key() -> None:
    opened = gate([*KEYS, link()])
    assert opened.by_key(LINK) is None
    with pytest.raises(Unauthorized):
        opened.principal(f"Bearer {LINK}", None, "read")
    assert await opened.by_link(LINK) is None  # this gate was given no links


def test_what_was_checked_once_is_checked_again_when_keys_change() -> None:
    opened = gate()
    cookies = session_of(opened)
    for _ in range(2):
        assert opened.principal(None, cookies, "read").name == "board"
    opened.replace(KEYS)
    assert opened.principal(None, cookies, "read").name == "board"
    opened.replace(KEYS[1:])
    with pytest.raises(Unauthorized):
        opened.principal(None, cookies, "read")
    opened.replace(KEYS)
    assert opened.principal(None, cookies, "read").name == "board"


def test_nothing_that_is_shown_of_a_principal_is_a_secret() -> None:
    principal = gate().by_key(READ)
    assert hash_key(READ) not in repr(principal)
