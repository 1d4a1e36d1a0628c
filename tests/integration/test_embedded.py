"""The embedded engines by themselves."""

import asyncio
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from callboard.clock import SystemClock
from callboard.embedded.mongod import EmbeddedMongo


async def test_a_taken_port_moves_the_replica_set_and_keeps_its_data(tmp_path: Path) -> None:
    engine = EmbeddedMongo(tmp_path, SystemClock())
    await engine.start()
    first = engine.url
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(first)
    await client.callboard.calls.insert_one({"_id": "CA1"})
    await client.close()
    await engine.stop()

    port = int((tmp_path / "mongod" / "port").read_text())

    def not_mongodb(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(not_mongodb, "127.0.0.1", port):
        again = EmbeddedMongo(tmp_path, SystemClock())
        await again.start()
        assert again.url != first
        client = AsyncMongoClient(again.url)
        assert await client.callboard.calls.find_one() == {"_id": "CA1"}
        await client.callboard.calls.insert_one({"_id": "CA2"})
        await client.close()
        await again.stop()


async def test_the_same_port_is_used_again(tmp_path: Path) -> None:
    engine = EmbeddedMongo(tmp_path, SystemClock())
    await engine.start()
    first = engine.url
    await engine.stop()
    await engine.start()
    assert engine.url == first
    await engine.stop()


@pytest.mark.parametrize("content", ["", "not a port", "99999999"])
async def test_a_spoiled_port_file_is_no_obstacle(tmp_path: Path, content: str) -> None:
    engine = EmbeddedMongo(tmp_path, SystemClock())
    (tmp_path / "mongod").mkdir()
    (tmp_path / "mongod" / "port").write_text(content)
    await engine.start()
    await engine.stop()
