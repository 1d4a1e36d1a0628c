"""The doctor through the real engines: nothing on a healthy system, and each planted fault."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from bson import Timestamp
from pydantic import SecretStr
from support.engines import Engines
from support.patient import HEALTHY, PUBLIC, Detour, ShiftedClock, examined, of, sick
from support.program import run_to_end
from support.server import TOKEN, LocalServer, status_form
from support.waiting import eventually

from callboard.app.doctor.configuration import Given
from callboard.app.doctor.examination import diagnose
from callboard.app.doctor.web import Target
from callboard.app.reaggregate import reaggregate_days
from callboard.clock import SystemClock
from callboard.domain.webhooks import CALL_STATUS
from callboard.errors import ConfigurationError
from callboard.store.database import prepare
from callboard.store.orphans import Orphans
from callboard.vendors.twilio.signature import sign

pytestmark = pytest.mark.engines


@pytest.fixture
async def server(engines: Engines) -> AsyncIterator[LocalServer]:
    """A whole callboard with some calls, set up as behind a proxy."""
    server = LocalServer(engines, **HEALTHY)
    await server.redis.flushall()
    await server.start()
    await server.ready()
    for number in range(3):
        for second, status in enumerate(("initiated", "ringing", "in-progress", "completed")):
            await _callback(server, status_form(f"CA{number:032d}", status, second))
    yield server
    await server.stop()


async def _callback(server: LocalServer, form: dict[str, str], token: str = TOKEN) -> int:
    """Post a callback that Twilio signed for the public URL."""
    path = f"{CALL_STATUS}?campaignId=c1"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": sign(PUBLIC + path, form.items(), token),
    }
    answer = await server.client.post(path, content=urlencode(form), headers=headers)
    return answer.status_code


async def counted(server: LocalServer) -> None:
    """Return when the calls are in the figures."""

    async def look() -> Any:
        return await server.database.analytics.find_one({"_id": "campaign:c1"})

    await eventually(
        look, lambda found: found and found["callVolume"]["byStatus"]["completed"] == 3
    )
    # Nobody knows how old a view may be before its projector has read the feed to its end.
    for view in ("live", "campaign", "summary"):

        async def bound(view: str = view) -> bool:
            metrics = (await server.client.get("/metrics")).text
            return f'callboard_staleness_bound_seconds{{view="{view}"}}' in metrics

        await eventually(bound)


async def test_nothing_is_found_on_a_healthy_system(server: LocalServer) -> None:
    await counted(server)
    findings = await examined(server)
    assert sick(findings) == {}
    assert not any(finding.unseen for finding in findings)
    well = {finding.name for finding in findings if finding.level == "ok"}
    assert well >= {
        *("settings.sources", "settings.vendors", "settings.public-url", "settings.api-keys"),
        *("signatures.twilio", "signatures.elevenlabs", "machine.open-files"),
        *("mongodb.reachable", "mongodb.replica-set", "mongodb.majority", "mongodb.indexes"),
        *("mongodb.clock", "mongodb.disk", "mongodb.projector", "mongodb.lag", "mongodb.oplog"),
        *("mongodb.inbox", "mongodb.orphans", "figures.drift"),
        *("redis.reachable", "redis.permissions", "redis.eviction", "redis.memory"),
        *("redis.latency", "redis.clock", "redis.views"),
        *("server.reachable", "server.ready", "server.clock", "server.staleness", "server.lag"),
        "server.public-url",
    }


async def test_looking_changes_nothing(server: LocalServer) -> None:
    await counted(server)
    database = server.database

    async def all_there_is() -> dict[str, Any]:
        names = sorted(await database.list_collection_names())
        return {
            name: (
                await database[name].count_documents({}),
                sorted(await database[name].index_information()),
            )
            for name in names
        } | {"webhooks": await database.webhooks.find().sort("_id").to_list()}

    before, keys = await all_there_is(), sorted(await server.redis.keys("*"))
    await examined(server)
    assert await all_there_is() == before
    assert sorted(await server.redis.keys("*")) == keys


# -- MongoDB ---------------------------------------------------------------------------------


async def test_an_index_that_is_missing(server: LocalServer) -> None:
    await server.database.calls.drop_index("open")
    await server.database.webhooks.drop_index("timeline")
    findings = await examined(server)
    assert set(sick(findings)) == {"mongodb.indexes"}
    told = " ".join(f.what for f in of(findings, {"mongodb.indexes"}))
    assert "open of calls" in told
    assert "timeline of webhooks" in told
    await server.restart()
    assert sick(await examined(server)) == {}


async def test_an_index_with_other_options_would_end_the_next_start(server: LocalServer) -> None:
    await server.database.calls.drop_index("over")
    await server.database.calls.create_index([("status", 1)], name="over")
    found = sick(await examined(server))
    assert set(found) == {"mongodb.indexes"}
    assert found["mongodb.indexes"].startswith("fault: the index over of calls is not as")
    with pytest.raises(ConfigurationError):
        await prepare(server.database)
    await server.database.calls.drop_index("over")
    await prepare(server.database)
    assert sick(await examined(server)) == {}


async def test_indexes_that_others_made(server: LocalServer) -> None:
    await server.database.calls.create_index("endTime", expireAfterSeconds=3600 * 24 * 30)
    await server.database.webhooks.create_index(
        "sig", unique=True, partialFilterExpression={"sig": {"$exists": True}}
    )
    findings = await examined(server)
    assert set(sick(findings)) == {"mongodb.indexes"}
    told = " ".join(f.what for f in of(findings, {"mongodb.indexes"}))
    assert "deletes after 30 days" in told
    assert "may refuse webhooks" in told


async def test_retention_that_is_not_in_force(server: LocalServer) -> None:
    found = sick(await examined(server, webhooks_kept_days=30))
    assert set(found) == {"mongodb.retention"}
    await prepare(server.database, {"webhooks": ("receivedAt", 30)})
    assert sick(await examined(server, webhooks_kept_days=30)) == {}


async def test_change_images_that_were_switched_off(server: LocalServer) -> None:
    images = {"enabled": False}
    await server.database.command("collMod", "campaigns", changeStreamPreAndPostImages=images)
    assert set(sick(await examined(server))) == {"mongodb.images"}
    await prepare(server.database)
    assert sick(await examined(server)) == {}


async def test_a_zone_that_is_not_the_servers(server: LocalServer) -> None:
    found = sick(await examined(server, timezone="Europe/Madrid"))
    assert set(found) == {"mongodb.timezone"}
    assert "UTC" in found["mongodb.timezone"]


async def test_figures_that_somebody_changed(server: LocalServer) -> None:
    await counted(server)
    wrong = {"$inc": {"callVolume.total": 1}}
    await server.database.analytics.update_one({"type": "daily", "campaignId": None}, wrong)
    await server.database.analytics.update_one({"_id": "campaign:c1"}, wrong)
    findings = await examined(server)
    assert set(sick(findings)) == {"figures.drift"}
    (finding,) = of(findings, {"figures.drift"})
    assert finding.what.startswith("2 documents of `analytics` differ")
    _, first, _, last = re.findall(r"--(?:from|to)|\d{4}-\d\d-\d\d", finding.what_to_do)
    days = date.fromisoformat(first), date.fromisoformat(last)
    progress = [step async for step in reaggregate_days(server.settings(), *days)]
    assert progress[-1].drifted == 2
    assert set(sick(await examined(server))) <= {"server.drift"}  # which the server tells, too


async def test_figures_are_compared_exactly_while_calls_go_on(server: LocalServer) -> None:
    async def traffic() -> None:
        for number in range(10_000):
            form = status_form(f"CA{number + 100:032d}", "ringing", number % 60)
            assert await _callback(server, form) == 200

    going_on = asyncio.get_running_loop().create_task(traffic())
    try:
        for _ in range(3):
            findings = await examined(server)
            assert [f.level for f in of(findings, {"figures.drift"})] == ["ok"]
    finally:
        going_on.cancel()
        await asyncio.gather(going_on, return_exceptions=True)


async def test_nobody_projects(server: LocalServer) -> None:
    await counted(server)
    assert server.server is not None
    await server.server.stop()
    stamp = Timestamp(int(server.server.clock.now().timestamp()) - 3_600, 1)
    moved = {"$set": {"token": None, "after": stamp}}
    await server.database.state.update_one({"_id": "projection"}, moved)
    for key in await server.redis.keys("cb:*:head"):
        await server.redis.delete(key)
    findings = await examined(server)
    assert set(sick(findings)) == {
        *("mongodb.projector", "mongodb.lag", "redis.views", "server.reachable"),
        "server.public-url",
    }
    assert "60 min behind" in sick(findings)["mongodb.lag"]


async def test_webhooks_that_are_not_understood(server: LocalServer) -> None:
    for _ in range(6):
        assert (await _callback(server, {"Nonsense": str(_)})) == 400
    found = sick(await examined(server))
    assert set(found) == {"mongodb.inbox"}
    assert "6 of the newest" in found["mongodb.inbox"]


async def test_a_conversation_that_should_have_been_joined(server: LocalServer) -> None:
    old = ShiftedClock(timedelta(hours=-1)).now()
    calls = server.database.calls
    await calls.insert_one({"_id": "CA9", "sid": "CA9", "conversationId": "conv_9"})
    told = {"conversationId": "conv_9", "elevenlabs": {"conversationId": "conv_9"}}
    orphan = {**told, "orphan": True, "updatedAt": old}
    await calls.insert_one({"_id": "conv_9", **orphan})
    assert set(sick(await examined(server))) == {"mongodb.orphans"}
    await Orphans(server.database).sweep()  # as `callboard replay` does at its end
    assert sick(await examined(server)) == {}


async def test_another_installation_writes_the_same_redis(server: LocalServer) -> None:
    await server.database.state.update_one(
        {"_id": "projector-lease"}, {"$set": {"epoch": 7, "owner": "somebody"}}
    )
    assert "redis.shared" in sick(await examined(server))


# -- clocks, addresses, keys -----------------------------------------------------------------


@pytest.mark.parametrize(("by_s", "level"), [(-7, "warning"), (90, "fault")])
async def test_a_clock_that_is_wrong(server: LocalServer, by_s: int, level: str) -> None:
    found = sick(await examined(server, clock=ShiftedClock(timedelta(seconds=by_s))))
    assert {"mongodb.clock", "redis.clock", "server.clock"} <= set(found)
    assert {found[f"{part}.clock"].partition(":")[0] for part in ("mongodb", "redis")} == {level}
    assert ("behind ours" if by_s > 0 else "ahead of ours") in found["mongodb.clock"]


async def test_a_public_url_that_leads_elsewhere(server: LocalServer) -> None:
    found = sick(await examined(server, leads_to=f"{server.url}/api"))
    assert set(found) == {"server.public-url"}


async def test_a_public_url_that_no_webhook_can_match(server: LocalServer) -> None:
    found = sick(await examined(server, public_url=f"{PUBLIC}/webhook/call-status?x=1"))
    assert {"settings.public-url", "signatures.twilio"} <= set(found)


async def test_signatures_of_somebody_elses_token(server: LocalServer) -> None:
    for second in range(4):
        form = status_form("CA" + "7" * 32, "ringing", second)
        assert await _callback(server, form, token="somebody-elses-token") == 403
        assert (await server.elevenlabs(b"{}", age_s=7_200)).status_code == 403
    findings = await examined(server)
    found = sick(findings)
    assert set(found) == {"signatures.twilio", "signatures.elevenlabs"}
    assert "refused 4 webhooks for their signature, and accepted 12" in found["signatures.twilio"]
    assert found["signatures.elevenlabs"].startswith("fault")
    told = {finding.name: finding.what_to_do for finding in findings if finding.what_to_do}
    assert "most likely a sub-account" in told["signatures.twilio"]
    assert "copy it from ElevenLabs again" in told["signatures.elevenlabs"]


async def test_a_key_that_may_not_read(server: LocalServer) -> None:
    target = Target(server.url, "no-such-key-0123456789", is_named=True)
    outside = Detour(server.url)
    findings = await diagnose(server.settings(), Given(), target, outside, SystemClock())
    assert set(sick(findings)) == {"server.metrics"}


async def test_redis_is_away_from_a_running_server(server: LocalServer) -> None:
    found = sick(await examined(server, redis_url=SecretStr("redis://127.0.0.1:1")))
    assert set(found) == {"redis.reachable"}


async def test_the_command_finds_a_typo_and_that_nothing_runs(tmp_path: Path) -> None:
    code, out, _ = await run_to_end(
        tmp_path / "data", "doctor", CALLBOARD_TIMEZON="Europe/Madrid", CALLBOARD_API_KEY="x"
    )
    assert code == 2
    assert "CALLBOARD_TIMEZON in the environment is no setting" in out
    assert "did you mean CALLBOARD_TIMEZONE?" in out
    assert "CALLBOARD_API_KEY " not in out
    assert not (tmp_path / "data").exists()
