"""Asking the server that projects to count days anew, and following how far it is."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date

from callboard.app.replay import running_url
from callboard.errors import ConfigurationError
from callboard.settings import Settings
from callboard.store import database as mongo
from callboard.store.reaggregation import Reaggregation, Reaggregations

__all__ = ["reaggregate_days"]

_LOOK_EVERY_S = 0.2
_PATIENCE_S = 15.0


async def reaggregate_days(
    settings: Settings, first: date, last: date
) -> AsyncIterator[Reaggregation]:
    """Yield how far the days have been counted, until they all are.

    Raises:
        ConfigurationError: no server runs on this database; what was asked for stays asked for.
        MalformedPayload: other days are being counted.
        StoreUnavailable: MongoDB does not answer.
    """
    if settings.mongodb_url is not None:
        url = settings.mongodb_url.get_secret_value()
    elif (running := running_url(settings.data_dir)) is not None:
        url = running
    else:
        message = f"no callboard runs on {settings.data_dir.resolve()}: start `callboard serve`"
        raise ConfigurationError(message)
    database = mongo.connect(url)
    try:
        wishes = Reaggregations(database)
        progress: Reaggregation | None = await wishes.ask(first, last)
        silent_s = 0.0
        while progress is not None:
            yield progress
            if progress.finished:
                return
            silent_s = 0.0 if await wishes.anybody_counts() else silent_s + _LOOK_EVERY_S
            if silent_s > _PATIENCE_S:
                message = (
                    "no server projects on this database: start `callboard serve`, which goes on "
                    f"after {progress.counted} of {progress.days} days"
                )
                raise ConfigurationError(message)
            await asyncio.sleep(_LOOK_EVERY_S)
            progress = await wishes.progress()
    finally:
        await database.client.close()
