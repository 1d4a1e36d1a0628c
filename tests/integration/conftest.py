"""Fixtures of the tests that speak to MongoDB without a server around them."""

from collections.abc import AsyncIterator

import pytest
from support.engines import Engines

from callboard.store.database import MongoDatabase, connect, prepare


@pytest.fixture
async def database(engines: Engines) -> AsyncIterator[MongoDatabase]:
    """A prepared database of its own."""
    database = connect(engines.mongo_url())
    await prepare(database)
    yield database
    await database.client.drop_database(database.name)
    await database.client.close()


@pytest.fixture
async def elsewhere(engines: Engines, database: MongoDatabase) -> AsyncIterator[MongoDatabase]:
    """The same database as another process sees it: a client of its own."""
    elsewhere = connect(engines.mongo_url(database.name))
    yield elsewhere
    await elsewhere.client.close()
