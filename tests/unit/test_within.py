"""Our own routes, asked without a socket."""

import pytest
from starlette.types import Receive, Scope, Send
from support.builders import a_call, sid
from support.reads_desk import ReadsDesk, api

from callboard.delivery.within import Within
from callboard.errors import StoreUnavailable, Unavailable


async def test_what_is_kept_needs_no_load() -> None:
    desk = ReadsDesk()
    desk.live(a_call())
    within = Within(api(desk))
    assert not await within.warm("/api/calls/active")
    assert not await within.warm("/api/calls/active?campaignId=spring")


async def test_what_is_not_kept_is_loaded() -> None:
    desk = ReadsDesk()
    desk.truth.calls = [a_call()]
    within = Within(api(desk))
    assert await within.warm("/api/calls?limit=7")
    assert desk.truth.asked == ["page"]
    assert await within.warm(f"/api/calls/{sid(5)}")  # that there is none is remembered as well


async def test_what_cannot_be_answered_is_an_error() -> None:
    desk = ReadsDesk()

    async def away(*_: object) -> None:
        message = "down"
        raise StoreUnavailable(message)

    desk.truth.page = away  # type: ignore[method-assign,assignment]  # MongoDB is away
    with pytest.raises(Unavailable, match="/api/calls was answered with 503"):
        await Within(api(desk)).warm("/api/calls")


async def test_a_path_is_asked_for_as_browsers_write_it() -> None:
    asked: list[tuple[str, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        asked.append((scope["path"], scope["query_string"]))
        await send({"type": "http.response.start", "status": 404, "headers": []})

    assert await Within(app).warm("/api/campaigns/with%20space?x=%2B")
    assert asked == [("/api/campaigns/with space", b"x=%2B")]
