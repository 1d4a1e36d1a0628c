"""What was learned outlives a restart; what keeps it may be away."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from structlog.testing import capture_logs
from support.simloop import SimLoop, simulated

from callboard.warming.keeping import Keeper
from callboard.warming.model import Model
from callboard.warming.pages import Page

DASHBOARD, LIVE = Page("dashboard", ""), Page("live", "")


class Site:
    """A place for the document, that may be away or slow."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.document: bytes | None = None
        self.saves = 0
        self.takes_s = 0.0
        self.away = False
        self.leads = True
        self.keeper = Keeper(self, lambda: self.leads)

    async def load(self) -> bytes | None:
        """Return the document."""
        await self._answer()
        return self.document

    async def save(self, document: bytes) -> None:
        """Keep it."""
        await self._answer()
        self.document = document
        self.saves += 1

    async def _answer(self) -> None:
        await asyncio.sleep(self.takes_s)
        if self.away:
            message = "gone"
            raise ConnectionError(message)

    async def running(self, model: Model, seconds: float) -> None:
        """Let the keeper run so long."""
        task = self.loop.create_task(self.keeper.run(model))
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])


def played(play: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    """Play in simulated time."""
    simulated(lambda loop: play(Site(loop)))


def learned() -> Model:
    """Return a model with a habit."""
    model = Model()
    for _ in range(20):
        model.learn("ann", DASHBOARD, LIVE)
    return model


def test_habits_outlive_a_restart() -> None:
    async def play(site: Site) -> None:
        await site.running(learned(), 61)
        model = await site.keeper.load()
        assert model.forecasts("ann", DASHBOARD)[0].page == LIVE
        assert model.forecasts("ann", DASHBOARD)[0].probability > 0.7

    played(play)


def test_only_the_leader_saves_and_once_a_minute() -> None:
    async def play(site: Site) -> None:
        site.leads = False
        await site.running(learned(), 600)
        assert site.saves == 0
        site.leads = True
        await site.running(learned(), 601)
        assert site.saves == 10

    played(play)


def test_a_place_that_is_away_costs_nothing_but_what_was_learned() -> None:
    async def play(site: Site) -> None:
        site.away = True
        with capture_logs() as logs:
            assert (await site.keeper.load()).people == 0
            await site.running(learned(), 130)
        assert [log["event"] for log in logs] == ["warming.not_loaded", *["warming.not_saved"] * 2]
        site.away = False
        site.document = b"no json"
        assert (await site.keeper.load()).people == 0
        site.document = orjson.dumps({"version": 99})
        assert (await site.keeper.load()).people == 0

    played(play)


def test_a_start_waits_two_seconds_at_most() -> None:
    async def play(site: Site) -> None:
        site.takes_s = 3_600
        assert (await site.keeper.load()).people == 0
        assert site.loop.time() == 2

    played(play)


def test_others_go_on_while_a_large_model_is_written() -> None:
    async def play(site: Site) -> None:
        model = learned()
        for number in range(100):
            model.learn(f"person{number}", DASHBOARD, LIVE)
        turns = 0

        async def others() -> None:
            nonlocal turns
            while site.document is None:
                turns += 1
                await asyncio.sleep(0)

        await asyncio.sleep(0)
        task = site.loop.create_task(site.running(model, 61))
        await asyncio.sleep(59)
        watch = site.loop.create_task(others_from(60.0, others, site.loop))
        await task
        await watch
        assert turns >= 100

    played(play)


async def others_from(
    at_s: float, others: Callable[[], Coroutine[Any, Any, None]], loop: SimLoop
) -> None:
    """Let others go on from then."""
    await asyncio.sleep(at_s - loop.time())
    await others()
