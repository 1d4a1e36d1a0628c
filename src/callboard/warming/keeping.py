"""Keeps what was learned beyond a restart: one document, saved by the process that leads.

Every process learns from those it serves. Only the leader's model is saved, and every process
begins with what was saved last; so a start knows people's habits, and nobody waits for another.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import orjson
import structlog

from callboard.warming.model import Model, Tuning

__all__ = ["Keeper", "Saved"]

_log = structlog.get_logger(__name__)

_EVERY_S = 60.0
_LOAD_S = 2.0


class Saved(Protocol):
    """Where the document is."""

    async def load(self) -> bytes | None:
        """Return it, None if there is none."""

    async def save(self, document: bytes) -> None:
        """Replace it."""


class Keeper:
    """Loads a model, and saves it now and then."""

    def __init__(
        self, saved: Saved, is_leading: Callable[[], bool], every_s: float = _EVERY_S
    ) -> None:
        self._saved = saved
        self._is_leading = is_leading
        self._every_s = every_s

    async def load(self, tuning: Tuning | None = None) -> Model:
        """Return the model that was saved last; a new one if there is none, or not in time."""
        document: object = None
        try:
            async with asyncio.timeout(_LOAD_S):
                found = await self._saved.load()
            document = orjson.loads(found) if found is not None else None
        except Exception as error:
            _log.info("warming.not_loaded", reason=str(error) or type(error).__name__)
        return Model.from_json(document, tuning)

    async def run(self, model: Model) -> None:
        """Save the model while this process leads, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            if not self._is_leading():
                continue
            try:
                await self._saved.save(await _written(model))
            except Exception as error:
                _log.info("warming.not_saved", reason=str(error) or type(error).__name__)


async def _written(model: Model) -> bytes:
    """Return a model as it is saved, letting others go on after each person."""
    people: list[list[object]] = []
    for person in model.newest():
        people.append([person, model.habits_of(person)])
        await asyncio.sleep(0)
    return orjson.dumps(model.as_json(people))
