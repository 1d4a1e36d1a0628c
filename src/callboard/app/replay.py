"""Replaying the inbox: the parts it needs, without a server around them."""

from pathlib import Path

from callboard.app.lifecycle import Lifecycle, Service
from callboard.clock import Clock
from callboard.embedded.folder import DataFolder, try_lock
from callboard.embedded.mongod import EmbeddedMongo
from callboard.errors import ConfigurationError
from callboard.ingest.joiner import Joiner
from callboard.ingest.replay import ReplayReport, replay
from callboard.settings import Settings
from callboard.store import database as mongo
from callboard.store.facts import FactStore
from callboard.store.inbox import InboxReader, InboxSelection
from callboard.store.orphans import Orphans

__all__ = ["replay_inbox", "running_url"]


async def replay_inbox(
    settings: Settings, clock: Clock, selection: InboxSelection, *, dry_run: bool
) -> ReplayReport:
    """Understand the selected webhooks anew and merge them into their calls.

    Works beside a running server: with the embedded MongoDB it then uses the server's own.

    Raises:
        ConfigurationError: there is no such store.
        StoreUnavailable: MongoDB does not answer.
    """
    services: list[Service] = []
    if settings.mongodb_url is not None:
        url = settings.mongodb_url.get_secret_value()
    elif (running := running_url(settings.data_dir)) is not None:
        url = running
    else:
        embedded = EmbeddedMongo(settings.data_dir, clock)
        services = [DataFolder(settings.data_dir), embedded]
    lifecycle = Lifecycle(services, drain_s=settings.drain_s)
    await lifecycle.start()
    try:
        database = mongo.connect(embedded.url if services else url)
        try:
            if not dry_run:
                await mongo.prepare(database)
            orphans = Orphans(database)
            report = await replay(
                InboxReader(database).batches(selection),
                merge=None if dry_run else FactStore(database),
                rewrite=InboxReader(database),
                joiner=Joiner(orphans),
            )
            if not dry_run:
                await orphans.sweep()
            return report
        finally:
            await database.client.close()
    finally:
        await lifecycle.stop()


def running_url(data_dir: Path) -> str | None:
    """Return the URL of the embedded MongoDB of a callboard that runs on this folder."""
    folder = data_dir.resolve()
    try:
        lock = try_lock(folder / "callboard.lock")
        if lock is not None:
            lock.close()
            return None
        port = int((folder / "mongod" / "port").read_text())
    except FileNotFoundError:
        message = f"there is no callboard data in {folder}: set CALLBOARD_DATA_DIR or MONGODB_URL"
        raise ConfigurationError(message) from None
    except (OSError, ValueError) as error:
        message = f"CALLBOARD_DATA_DIR cannot be used: {error}"
        raise ConfigurationError(message) from error
    return f"mongodb://127.0.0.1:{port}/callboard?directConnection=true"
