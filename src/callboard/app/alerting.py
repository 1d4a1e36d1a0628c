"""Looks, judges and tells: the alert engine beside the pipe, every ten seconds.

Every process looks; the one that projects judges. While MongoDB is away the process that judged
last goes on in memory, and hands in what it told when MongoDB is back (docs/adr/0022).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import structlog

from callboard.alerts.engine import State, Transition, judged
from callboard.alerts.readings import MONGODB, Readings, columns
from callboard.alerts.rules import Rule
from callboard.alerts.stored import document_of, state_of
from callboard.app.alert_sending import Sending
from callboard.errors import StoreUnavailable
from callboard.store.alerts import AlertStore
from callboard.tasks import together

__all__ = ["Alerting", "Judging"]

_log = structlog.get_logger(__name__)

LOOK_EVERY_S = 10.0
_SEND_EVERY_S = 1.0
_LOOK_TIMEOUT_S = 15.0
"""A MongoDB that hangs is found out at the next look."""
_KEPT_LOOKS_MAX = 360
"""An hour of looks waits for MongoDB; then the oldest are given up."""


_CLOCK_SET_BACK = timedelta(minutes=5)


class Looks(Protocol):
    """Where readings come from; `callboard.app.alert_readings` provides it."""

    async def look(self) -> Readings:
        """Return what is seen now."""


@dataclass(frozen=True, slots=True)
class Judging:
    """By what is judged, and who may."""

    rules: Sequence[Rule]
    zone: ZoneInfo
    is_leading: Callable[[], bool]


class Alerting:
    """`run` it in every process."""

    def __init__(
        self,
        store: AlertStore,
        collector: Looks,
        sending: Sending,
        judging: Judging,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._store = store
        self._collector = collector
        self._sending = sending
        self._judging = judging
        self._every_s = every_s
        self._led = False
        self._version: int | None = None
        """Of the state in memory; None: it must be read first."""
        self._state = State()
        self._away: list[Transition] = []
        """What was told while MongoDB was away."""
        self._was_away = False
        self._unwritten: list[Readings] = []
        self._prepared = False

    @property
    def firing(self) -> dict[str, int]:
        """Return how many labels of each rule fire; nothing where somebody else judges."""
        if not self._led:
            return {}
        found = dict.fromkeys((rule.name for rule in self._judging.rules), 0)
        for rule, _ in self._state.firing:
            found[rule] = found.get(rule, 0) + 1
        return found

    @property
    def results(self) -> dict[str, int]:
        """Return how often sending ended how."""
        return {name: self._sending.results[name] for name in ("sent", "retried", "failed")}

    async def run(self) -> None:
        """Look and send until cancelled."""
        await together(
            self._keep_looking(),
            self._keep(self._sending.pump),
            self._keep(self._sending.pump_direct),
        )

    async def _keep_looking(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._every_s)  # a start has other things to do
                await _survived(self.look)
        finally:
            await asyncio.shield(self._write())

    async def _keep(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await _survived(step)
            await asyncio.sleep(_SEND_EVERY_S)

    async def look(self) -> None:
        """Look once, judge if it is ours to judge, and store what is to be told."""
        try:
            async with asyncio.timeout(_LOOK_TIMEOUT_S):
                await self._look()
        except (StoreUnavailable, TimeoutError) as error:
            # What was to be stored may be there or not: it is read before it is gone on with.
            self._version = None
            _log.warning("alerts.interrupted", reason=str(error) or "it took too long")

    async def _look(self) -> None:
        readings = await self._collector.look()
        if not readings.one(MONGODB):
            self._judge_away(readings)
            return
        if not self._prepared:
            await self._store.prepare()
            self._prepared = True
        if self._was_away:
            await self._hand_in()
        if self._judging.is_leading():
            await self._judge(readings)
        else:
            self._led, self._version = False, None

    async def _judge(self, readings: Readings) -> None:
        if self._version is None:
            await self._load()
        self._led = True
        version = self._version or 0
        state, told = self._judged(readings)
        if state is self._state:
            return  # another process has judged a later look
        if not await self._commit(version, state, told, self._sending.outgoing(told)):
            self._version = None  # another process judges too: look again at what it left
            return
        self._version, self._state = version + 1, state
        _say(told)
        await self._remember(readings)

    def _judged(self, readings: Readings) -> tuple[State, list[Transition]]:
        state = self._state
        if state.at is not None and state.at - readings.at > _CLOCK_SET_BACK:
            # A clock was wrong; without this nothing would be judged until it is as late again.
            state = replace(state, at=None)
        return judged(self._judging.rules, self._judging.zone, state, readings)

    async def _load(self) -> None:
        stored = await self._store.state()
        self._version, self._state = stored.version, state_of(stored.document)

    async def _commit(
        self,
        version: int,
        state: State,
        told: Sequence[Transition],
        messages: Sequence[dict[str, Any]],
    ) -> bool:
        records = [_record(transition) for transition in told]
        return await self._store.commit(version, document_of(state), records, messages)

    def _judge_away(self, readings: Readings) -> None:
        """Judge without MongoDB, if this process judged last."""
        if not self._led:
            return
        self._was_away = True
        self._state, told = self._judged(readings)
        self._away.extend(told)
        self._sending.send_directly(self._sending.outgoing(told))
        _say(told)
        self._unwritten.append(readings)
        del self._unwritten[:-_KEPT_LOOKS_MAX]

    async def _hand_in(self) -> None:
        """Store what was judged and told meanwhile, into whatever another process left."""
        stored = await self._store.state()
        state = self._state
        if self._version != stored.version:
            state = _merged(state_of(stored.document), state, self._away)
        # What could not be sent directly goes the ordinary way from here on.
        messages = self._sending.withdraw()
        try:
            done = await self._commit(stored.version, state, self._away, messages)
        except StoreUnavailable:
            self._sending.send_directly(messages)
            raise
        if done:
            self._version, self._state = stored.version + 1, state
            self._away, self._was_away = [], False
        else:
            self._sending.send_directly(messages)

    async def _remember(self, readings: Readings) -> None:
        """Keep a look for back-tests: a document a minute."""
        if self._unwritten and _minute(self._unwritten[0]) != _minute(readings):
            await self._write()
        self._unwritten.append(readings)

    async def _write(self) -> None:
        looks, self._unwritten = self._unwritten, []
        if not looks:
            return
        try:
            await self._store.keep(columns(looks))
        except StoreUnavailable:
            self._unwritten = [*looks, *self._unwritten][-_KEPT_LOOKS_MAX:]


async def _survived(step: Callable[[], Awaitable[None]]) -> None:
    """Do a step; a bug in it must not end the server."""
    try:
        await step()
    except Exception:
        _log.exception("alerts.failed")


def _minute(readings: Readings) -> int:
    return int(readings.at.timestamp()) // 60


def _record(transition: Transition) -> dict[str, Any]:
    """Return a transition as it is stored."""
    return {"_id": transition.identity, **asdict(transition)}


def _merged(theirs: State, ours: State, told: Sequence[Transition]) -> State:
    """Return another process' state with what we told while it did not hear of us.

    What it has fired since then is its own to clear.
    """
    watched = dict(theirs.watched)
    for key in {(transition.rule, transition.label) for transition in told}:
        found = watched.pop(key, None)
        if found is not None and found.fired_at is not None and found.fired_at >= told[0].at:
            watched[key] = found
        elif key in ours.watched:
            watched[key] = ours.watched[key]
    return replace(theirs, watched=watched)


def _say(told: Sequence[Transition]) -> None:
    for each in told:
        fields = {"rule": each.rule, "label": each.label, "seen": each.shown}
        if each.kind == "fired":
            _log.warning("alert.fired", severity=each.severity, advice=each.advice, **fields)
        else:
            lasted_s = round((each.at - each.fired_at).total_seconds(), 1)
            _log.info("alert.cleared", lasted_s=lasted_s, **fields)
