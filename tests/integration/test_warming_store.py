"""What predictive warming has learned, kept in a real MongoDB."""

from typing import Any

import orjson
import pytest
from pymongo.errors import AutoReconnect
from support.server import LocalServer

from callboard.errors import StoreUnavailable
from callboard.store.warming import LearnedHabits
from callboard.warming.keeping import Keeper
from callboard.warming.model import Model
from callboard.warming.pages import Page

pytestmark = pytest.mark.engines


async def test_it_is_one_document_that_comes_back_byte_by_byte(server: LocalServer) -> None:
    habits = LearnedHabits(server.database)
    assert await habits.load() is None
    model = Model()
    for number in range(30):
        model.learn(f"$person.{number}", Page("campaigns", ""), Page("campaign/*", "a.b$c\0"))
    for document in (b"{}", orjson.dumps(model.to_json())):
        await habits.save(document)
        assert await habits.load() == document
    found = await server.database.state.find({"_id": "warming-model"}).to_list()
    assert len(found) == 1
    assert found[0]["savedAt"].tzinfo is not None
    again = await Keeper(habits, lambda: True).load()
    assert again.to_json() == model.to_json()


async def test_what_is_no_document_of_ours_is_none(server: LocalServer) -> None:
    habits = LearnedHabits(server.database)
    await server.database.state.insert_one({"_id": "warming-model", "model": 7})
    assert await habits.load() is None
    with pytest.raises(StoreUnavailable, match="more than is kept"):
        await habits.save(b"x" * (5 << 20))


class _Away:
    """A database none of whose commands is answered."""

    def __init__(self) -> None:
        self.state = self

    async def find_one(self, _: Any) -> None:
        """Fail as the driver does."""
        message = "no primary"
        raise AutoReconnect(message)

    async def update_one(self, *_: Any, upsert: bool) -> None:
        """Do the same."""
        await self.find_one(upsert)


async def test_a_database_that_is_away_is_said_to_be() -> None:
    habits = LearnedHabits(_Away())  # type: ignore[arg-type]  # all that is asked of it
    with pytest.raises(StoreUnavailable, match="no primary"):
        await habits.load()
    with pytest.raises(StoreUnavailable, match="no primary"):
        await habits.save(b"{}")
