"""From a miss to a value: one load per miss over all processes, fenced, or without Redis.

A miss asks for the lease. Whoever gets it loads at the floor it was told and fills; everybody
else waits for the push that the fill causes, with a look every 50 ms as a net. Without Redis the
loader is asked once per key and `degraded_ttl_s`.
"""

import asyncio
import contextlib
import random
from functools import partial
from typing import Any, TypeVar

from callboard.cache.answer import Answer, Loaded, Loader, Source
from callboard.cache.entry import checked_tags
from callboard.cache.errors import LoadTimeout, TierUnavailable
from callboard.cache.flight import Bells, Flight, Flights
from callboard.cache.outage import Owed
from callboard.cache.policy import Key, untagged
from callboard.cache.records import Outcome, Record
from callboard.cache.refuge import Refuge
from callboard.cache.tags import floor_of
from callboard.cache.tier import STORED, Tier, new_token
from callboard.cache.verdicts import Busy, Miss, Soft, Verdict, Win

__all__ = ["Loading"]

T = TypeVar("T")

_POLL_S = 0.05
"""How often a waiter looks although no push came: a net, not the way it works."""
_ROUNDS_MAX = 200
"""Of asking and waiting before a load is done without the lease: ten seconds of polls."""
_RESTING_MAX = 1_000
_COST_FACTOR = 3.0
"""A value that takes long to load is refreshed so many load times before it must be."""


class Loading:
    """Everything that may call a loader."""

    def __init__(self, tier: Tier, owed: Owed, rng: random.Random) -> None:
        self._tier = tier
        self._owed = owed
        self._random = rng
        self.flights = Flights()
        self.bells = Bells()
        self.refuge = Refuge(tier.now_s)
        self._resting: dict[bytes, float] = {}

    # -- joining ---------------------------------------------------------------------------

    async def through(
        self, key: Key[T], loader: Loader[T], min_as_of: int, missed: Miss
    ) -> Answer[T]:
        """Join the load of a key, or begin it. Raises what the loader raises, or LoadTimeout."""
        tier, raw = self._tier, key.raw
        tier.hook(Record(Outcome.MISS, key.space.name))
        kept = self.refuge.get(key, min_as_of, missed.stored_floor)
        if kept is not None and kept.stale:  # the loader failed a moment ago
            tier.hook(Record(Outcome.STALE_ERROR, key.space.name))
            return kept
        flight = self.flights.of(raw, min_as_of)
        if flight is not None and flight.fits(missed.token, missed.stored_floor):
            tier.hook(Record(Outcome.JOINED, key.space.name))
            return await flight.join()
        flight = self.flights.begin(raw, min_as_of)
        waiting = flight.join()
        self.flights.spawn(self._fly(flight, key, loader, missed))
        return await waiting

    async def without_redis(self, key: Key[T], loader: Loader[T], min_as_of: int) -> Answer[T]:
        """Answer from the loader, at most once per key and `degraded_ttl_s`."""
        tier, raw = self._tier, key.raw
        tier.hook(Record(Outcome.DEGRADED, key.space.name))
        kept = self.refuge.get(key, min_as_of)
        if kept is not None:
            return kept
        flight = self.flights.of(raw, min_as_of)
        if flight is not None:
            return await flight.join()
        flight = self.flights.begin(raw, min_as_of)
        waiting = flight.join()
        self.flights.spawn(self._fly(flight, key, loader, None))
        return await waiting

    async def _fly(
        self, flight: Flight, key: Key[T], loader: Loader[T], missed: Miss | None
    ) -> None:
        try:
            answer = await self._answer(flight, key, loader, missed)
            flight.land(answer, key.space.codec)
        except asyncio.CancelledError:
            flight.crash(TierUnavailable("the cache was closed"))
            raise
        except Exception as error:
            flight.crash(error)
        finally:
            self.flights.end(flight)

    async def _answer(
        self, flight: Flight, key: Key[T], loader: Loader[T], missed: Miss | None
    ) -> Answer[T]:
        if missed is not None:
            try:
                return await self._under_lease(flight, key, loader, missed)
            except TierUnavailable:
                pass
        return await self._degraded(flight, key, loader)

    # -- with Redis ------------------------------------------------------------------------

    async def _under_lease(
        self, flight: Flight, key: Key[T], loader: Loader[T], missed: Miss
    ) -> Answer[T]:
        """Take the lease and load, or wait for who has it.

        Raises:
            TierUnavailable: Redis went away before the loader was called.
        """
        tier = self._tier
        static = key.space.tags(key.id)
        began_s = tier.now_s()
        floor, rejected = missed.floor, missed.rejected
        for _ in range(_ROUNDS_MAX):
            await tier.learn_tags(missed.unknown)
            seen = await tier.seen(static)
            minimum = max(flight.min_as_of, floor, floor_of(seen) if key.space.clocked else 0)
            token = new_token()
            bell = self.bells.hang(key.raw)
            try:
                told = partial(_note, flight, token)
                verdict = await tier.take(key, minimum, token, rejected=rejected, told=told)
                if isinstance(verdict, Win):
                    return await self._load(key, loader, verdict.floor, token)
                if isinstance(verdict, Busy):
                    await self._wait(bell, verdict)
                    continue
            finally:
                self.bells.take_down(key.raw, bell)
            if not isinstance(verdict, Miss):
                tier.hook(Record(Outcome.WAIT, key.space.name, tier.now_s() - began_s))
                return verdict.answer if isinstance(verdict, Soft) else verdict
            missed, floor = verdict, max(floor, verdict.floor)
            rejected = verdict.rejected if verdict.rejected is not None else rejected
        message = f"{key!r}: the lease could not be had"
        raise TierUnavailable(message)

    async def _wait(self, bell: "asyncio.Future[None]", busy: Busy) -> None:
        """Wait for a push, but not longer than the lease lasts or the net allows."""
        left_s = max(0.001, (busy.until_ms - self._tier.now_ms()) / 1000)
        await asyncio.wait([bell], timeout=min(_POLL_S, left_s))

    async def _load(self, key: Key[T], loader: Loader[T], floor: int, token: bytes) -> Answer[T]:
        """Load under a lease we hold and fill."""
        tier, space = self._tier, key.space
        tier.hook(Record(Outcome.WIN, space.name))
        renewing = asyncio.get_running_loop().create_task(self._renew(key, token))
        try:
            began_s = tier.now_s()
            seen = await tier.seen(space.tags(key.id))
            loaded = await self._call(key, loader, floor)
            cost_s = tier.now_s() - began_s
        except asyncio.CancelledError:
            with contextlib.suppress(TierUnavailable):  # the process stops: others need not wait
                tier.release(key, token)
            raise
        except Exception as error:
            await self._give_back(key, token)
            return await self._stale_or_raise(key, error, floor)
        finally:
            renewing.cancel()
        answer = Answer(loaded.value, loaded.as_of or 0, False, Source.LOADER)  # noqa: FBT003  (a record)
        try:
            tags = checked_tags(loaded.tags)
            if tags:
                seen = {**await tier.seen(tags), **seen}
            # "Nothing" is filled even where it is not to be remembered: it ends what was there.
            await self._fill(key, loaded, seen, token, cost_s)
        except TierUnavailable:
            tier.hook(Record(Outcome.DEGRADED, space.name))
        return answer

    async def _fill(
        self, key: Key[T], loaded: Loaded[T], seen: Any, token: bytes, cost_s: float
    ) -> None:
        tier, name = self._tier, key.space.name
        try:
            said = await tier.fill(key, loaded, seen, token, self._soft_s(key, cost_s))
        except TierUnavailable:
            raise
        except Exception:
            await self._give_back(key, token)
            raise
        if said == STORED:
            tier.hook(Record(Outcome.FILLED, name))
        else:
            tier.hook(Record(Outcome.REFUSED, name, detail=str(said)))
            self.flights.detach(key.raw)
        # Our own writes are not pushed to us: whoever waits here must be told.
        self.bells.ring(key.raw)

    async def _renew(self, key: Key[Any], token: bytes) -> None:
        """Keep a lease for as long as the loader runs."""
        with contextlib.suppress(TierUnavailable):
            renewed = 1
            while renewed:
                await asyncio.sleep(key.space.lease_s / 3)
                renewed = await self._tier.renew(key, token)

    def _soft_s(self, key: Key[Any], cost_s: float) -> float:
        """Return the age from which a value is refreshed: earlier, the dearer it is to load."""
        space = key.space
        if space.soft_ttl_s is None:
            return space.ttl_s
        spread = 1 - space.jitter * self._random.random()
        return max(0.0, min(space.soft_ttl_s * spread, space.ttl_s - _COST_FACTOR * cost_s))

    async def _give_back(self, key: Key[Any], token: bytes) -> None:
        try:
            await self._tier.release(key, token)
        except TierUnavailable:
            return  # the lease ends by itself
        finally:
            self.bells.ring(key.raw)

    async def _call(self, key: Key[T], loader: Loader[T], floor: int) -> Loaded[T]:
        """Call the loader.

        Raises:
            LoadTimeout: it took too long; it was cancelled.
            TypeError: what it returned does not fit the keyspace.
        """
        tier, space = self._tier, key.space
        began_s = tier.now_s()
        try:
            async with asyncio.timeout(space.loader_timeout_s) as limit:
                loaded = await loader(floor)
            _check(key, loaded)
        except Exception as error:
            took_s = tier.now_s() - began_s
            tier.hook(Record(Outcome.LOAD_FAILED, space.name, took_s, detail=repr(error)[:200]))
            if isinstance(error, TimeoutError) and limit.expired():
                message = f"{key!r}: not loaded within {space.loader_timeout_s} s"
                raise LoadTimeout(message) from error
            raise
        tier.hook(Record(Outcome.LOADED, space.name, tier.now_s() - began_s))
        return loaded

    async def _stale_or_raise(self, key: Key[T], error: Exception, floor: int) -> Answer[T]:
        """Serve what was good last, marked stale; else say what went wrong."""
        tier, found = self._tier, None
        try:
            found = await tier.last_good(key)
        except Exception:
            found = None  # not readable: the loader's error says more
        found = found or tier.last_good_in_memory(key)
        if found is None:
            raise error
        tier.hook(Record(Outcome.STALE_ERROR, key.space.name))
        self.refuge.put(key, found[0], floor, age_s=found[1])
        return found[0]

    # -- in the background -----------------------------------------------------------------

    def refresh(self, key: Key[T], loader: Loader[T]) -> None:
        """Reload a value past its soft TTL, if nobody else does; errors leave it as it is."""
        now_s = self._tier.now_s()
        if self._resting.get(key.raw, 0.0) > now_s:
            return
        if len(self._resting) > _RESTING_MAX:
            self._resting = {raw: s for raw, s in self._resting.items() if s > now_s}
        # Not asked again at each hit: neither while we load nor while somebody else does.
        self._resting[key.raw] = now_s + key.space.degraded_ttl_s
        self.flights.spawn(self._refresh(key, loader))

    async def _refresh(self, key: Key[T], loader: Loader[T]) -> None:
        token = new_token()
        try:
            verdict = await self._tier.take(key, 0, token, early=True)
            if isinstance(verdict, Win):
                self._tier.hook(Record(Outcome.REFRESHED, key.space.name))
                await self._load(key, loader, verdict.floor, token)
                self._resting.pop(key.raw, None)
        except Exception:
            return  # recorded where it arose; the value is good until its hard TTL

    # -- without Redis ---------------------------------------------------------------------

    async def _degraded(self, flight: Flight, key: Key[T], loader: Loader[T]) -> Answer[T]:
        told = self._owed.newest_told if key.space.clocked else 0
        floor = max(flight.min_as_of, self._owed.floor(key.raw), told)
        try:
            loaded = await self._call(key, loader, floor)
        except Exception as error:
            good, age_s = self._tier.last_good_in_memory(key) or (
                self.refuge.remembered(key),
                self.refuge.age_s(key),
            )
            if good is None:
                raise error from None
            self._tier.hook(Record(Outcome.STALE_ERROR, key.space.name))
            self.refuge.put(key, good, age_s=age_s)
            return good
        answer = Answer(loaded.value, loaded.as_of or 0, False, Source.DEGRADED)  # noqa: FBT003  (a record)
        if self.flights.of(key.raw, flight.min_as_of) is flight:
            self.refuge.put(key, answer)  # else it was invalidated meanwhile
        return answer


def _note(flight: Flight, token: bytes, verdict: Verdict) -> None:
    """Tell a flight, inside the reader, what later callers may expect of it."""
    if isinstance(verdict, Win):
        flight.token, flight.floor = token, verdict.floor
    elif not isinstance(verdict, Busy | Miss):
        flight.decided = True


def _check(key: Key[Any], loaded: Any) -> None:
    """Raise TypeError when a loader does not keep to its keyspace."""
    if not isinstance(loaded, Loaded):
        message = f"{key!r}: the loader must return Loaded(...), not {type(loaded).__name__}"
        raise TypeError(message)
    if key.space.clocked and loaded.as_of is None:
        message = f"{key!r}: the keyspace is clocked, but the loader told no as_of"
        raise TypeError(message)
    if loaded.tags and (not key.space.clocked or key.space.tags is untagged):
        message = f"{key!r}: only a clocked keyspace with `tags` may have tags from its loader"
        raise TypeError(message)
