"""Who comes in, and who no longer does: keys, one-time links, the command line."""

import asyncio
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from support.engines import Engines
from support.program import program, run_to_end
from support.server import ADMIN_KEY, READ_KEY, LocalServer
from support.visitors import browser_at, status_by_key
from support.waiting import eventually

from callboard.app.keys import made_secret
from callboard.delivery.auth import COOKIE, hash_key
from callboard.store.access import AccessStore

NOTICED_S = 5.0


@pytest.fixture
async def browser(server: LocalServer) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on the board's own page, signed out."""
    async with browser_at(server.url) as browser:
        yield browser


async def made_key(server: LocalServer, name: str, scope: str = "read") -> str:
    """Store a key and return its text."""
    key = made_secret()
    assert await AccessStore(server.database).add_key(name, [scope], hash_key(key))
    return key


async def made_link(server: LocalServer, *, lives_s: float = 60) -> tuple[str, str]:
    """Store a link and return its name and its text."""
    secret = made_secret()
    access = AccessStore(server.database)
    return await access.add_link(["read"], hash_key(secret), lives_s=lives_s), secret


async def until_status(browser: httpx.AsyncClient, status: int) -> None:
    """Wait until a session is answered so."""

    async def look() -> int:
        return (await browser.get("/api/calls")).status_code

    await eventually(look, lambda seen: seen == status, within_s=NOTICED_S)


@pytest.fixture
async def two_servers(engines: Engines) -> AsyncIterator[tuple[LocalServer, LocalServer]]:
    """Two processes of one installation, as far as anybody outside can tell."""
    one = LocalServer(engines, trusted_proxies="127.0.0.1")
    two = LocalServer(engines, mongodb_url=SecretStr(one.mongo_url), trusted_proxies="127.0.0.1")
    await one.redis.flushall()
    await one.start()
    await two.start()
    yield one, two
    await two.stop()
    await one.stop()


async def test_a_stored_key_comes_in_everywhere_and_goes_with_its_sessions(
    two_servers: tuple[LocalServer, LocalServer],
) -> None:
    server, other = two_servers
    key = await made_key(server, "wall")
    for here in two_servers:
        # Bound now: the next turn of the loop is another server's.
        look = partial(status_by_key, here, key)
        await eventually(look, lambda seen: seen == 200, within_s=NOTICED_S)
    async with browser_at(server.url) as one, browser_at(other.url) as two:
        for browser in (one, two):
            signed_in = await browser.post("/api/session", json={"key": key})
            assert signed_in.json()["name"] == "wall"
            assert (await browser.get("/api/calls")).status_code == 200
        assert await AccessStore(server.database).revoke("wall")
        for browser in (one, two):
            await until_status(browser, 401)
    for here in two_servers:
        assert await status_by_key(here, key) == 401
        assert await status_by_key(here, READ_KEY) == 200


async def test_the_key_of_the_first_start_is_revoked_for_good(engines: Engines) -> None:
    server = LocalServer(engines, api_keys=None)
    await server.redis.flushall()
    await server.start()
    try:
        assert server.server is not None
        made = server.server.made_key
        assert made is not None
        assert await status_by_key(server, made) == 200
        access = AccessStore(server.database)
        assert await access.revoke("admin")
        assert not await access.revoke("admin")
        await eventually(
            lambda: status_by_key(server, made), lambda seen: seen == 401, within_s=NOTICED_S
        )
        await server.restart()
        assert server.server.made_key is None
        assert await status_by_key(server, made) == 401
        assert await access.grants() == []
    finally:
        await server.stop()


async def test_a_link_signs_one_browser_in_once(
    server: LocalServer, browser: httpx.AsyncClient
) -> None:
    name, link = await made_link(server)
    first = await browser.post("/api/session", json={"link": link})
    assert (first.status_code, first.json()["name"]) == (200, name)
    assert first.json()["scopes"] == ["read"]
    cookie = first.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert attribute in cookie
    assert "Secure" not in cookie
    assert link not in cookie
    assert (await browser.get("/api/calls")).status_code == 200
    written = await browser.post("/api/campaigns", json={"id": "c1", "name": "One"})
    assert written.status_code == 403

    async with browser_at(server.url) as another:
        second = await another.post("/api/session", json={"link": link})
        assert second.status_code == 401
        assert link not in second.text
        assert "set-cookie" not in second.headers
    assert await status_by_key(server, link) == 401

    assert await AccessStore(server.database).revoke(name)
    await until_status(browser, 401)
    assert (await browser.post("/api/session", json={"link": link})).status_code == 401


async def test_a_name_that_is_taken_keeps_its_key(server: LocalServer) -> None:
    await made_key(server, "wall")
    access = AccessStore(server.database)
    before = await access.grants()
    assert not await access.add_key("wall", ["admin"], hash_key("another"))
    assert await access.grants() == before
    # What somebody broke by hand grants nothing, and breaks nothing else.
    await server.database.state.insert_one({"_id": "access:key:odd", "hash": "x", "scopes": 7})
    await server.database.state.insert_one({"_id": "access:link:odd"})
    assert await access.grants() == before


async def test_of_two_who_use_a_link_at_once_one_comes_in(
    two_servers: tuple[LocalServer, LocalServer],
) -> None:
    server, other = two_servers
    for _ in range(4):
        _, link = await made_link(server)
        async with browser_at(server.url) as one, browser_at(other.url) as two:
            answers = await asyncio.gather(
                *(browser.post("/api/session", json={"link": link}) for browser in (one, two))
            )
            assert sorted(answer.status_code for answer in answers) == [200, 401]
            (winner,) = (answer for answer in answers if answer.status_code == 200)
            # Whichever process let it in, both know the session.
            for at in (one, two):
                at.cookies.set(COOKIE, winner.cookies[COOKIE])
                await until_status(at, 200)


async def test_a_link_that_is_too_old_is_none(
    server: LocalServer, browser: httpx.AsyncClient
) -> None:
    name, link = await made_link(server, lives_s=0)
    assert (await browser.post("/api/session", json={"link": link})).status_code == 401
    # The next link clears away those that have ended.
    other, _ = await made_link(server)
    names = {grant.name for grant in await AccessStore(server.database).grants()}
    assert other in names
    assert name not in names


async def test_signing_in_takes_a_key_or_a_link(browser: httpx.AsyncClient) -> None:
    for body in ({}, {"key": READ_KEY, "link": "x"}, {"key": None}, {"token": "x"}, {"link": ""}):
        answer = await browser.post("/api/session", json=body)
        assert answer.status_code == 400
        assert READ_KEY not in answer.text
    assert (await browser.post("/api/session", json={"key": READ_KEY})).status_code == 200
    out = await browser.delete("/api/session")
    assert out.status_code == 204
    assert (await browser.get("/api/session")).status_code == 401


async def test_behind_https_the_cookie_is_secure(engines: Engines) -> None:
    server = LocalServer(engines, public_url="https://board.example.com")
    await server.redis.flushall()
    await server.start()
    try:
        answer = await server.client.post("/api/session", json={"key": READ_KEY})
        assert "; Secure" in answer.headers["set-cookie"]
    finally:
        await server.stop()


async def test_the_command_line_beside_a_running_server_and_no_secret_in_its_log(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    data.mkdir()

    async def call(*arguments: str) -> tuple[int, str, str]:
        return await run_to_end(data, *arguments)

    async with program(data, "serve", "--port", "0", CALLBOARD_LOG_LEVEL="debug") as running:
        code, out, told = await call("keys", "add", "wall", "--scope", "read+write")
        key = out.strip()
        assert (code, key[:3]) == (0, "cb_")
        assert key not in told
        assert (await call("keys", "add", "wall"))[0] == 2
        assert (await call("keys", "add", "tests"))[0] == 2
        code, out, told = await call("link", "--minutes", "5", "--url", running.url)
        address, _, link = out.strip().partition("#link=")
        assert (code, address) == (0, f"{running.url}/")
        assert link not in told

        async with browser_at(running.url) as one, browser_at(running.url) as two:
            by_key = await one.post("/api/session", json={"key": key})
            by_link = await two.post("/api/session", json={"link": link})
            assert (by_key.json()["name"], by_link.status_code) == ("wall", 200)
            assert by_key.json()["scopes"] == ["read", "write"]
            again = await one.post("/api/session", json={"link": link})
            assert again.status_code == 401
            name = by_link.json()["name"]

            _, listed, _ = await call("keys", "list")
            assert [line.split()[0] for line in listed.splitlines()] == [
                "name",
                "tests",
                "wall",
                name,
            ]
            assert (await call("keys", "revoke", "wall"))[0] == 0
            assert (await call("keys", "revoke", "wall"))[0] == 2
            assert (await call("keys", "revoke", "tests"))[0] == 2
            # When the command has ended it is true.
            assert (await one.get("/api/calls")).status_code == 401
            assert (await two.get("/api/calls")).status_code == 200
            wrong = await two.post("/api/session", json={"key": key})
            assert wrong.status_code == 401

        running.process.send_signal(signal.SIGTERM)
        out_, log = await running.process.communicate()
    logged = repr(running.log) + log.decode() + out_.decode() + listed
    assert "http.refused" in logged
    for secret in (key, link, hash_key(key), hash_key(link), ADMIN_KEY):
        assert secret not in logged
    session = by_link.cookies[COOKIE]
    assert session not in logged
