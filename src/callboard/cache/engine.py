"""The cache: read through memory, Redis and a loader; never fill with what is too old.

What it promises, each with a test that fails without it: a value loaded before an invalidation
never enters any tier after it; one load per miss over all processes; a cancelled caller disturbs
nobody; without Redis nobody waits longer than the link's timeout and the loader is asked once
per key and second. The whole story with numbers: `docs/internals/cache.md`.

It knows no domain, no logger, no settings and no MongoDB: loaders and a hook are handed in.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, TypeVar

from callboard.cache.answer import Answer, BatchLoader, Loaded, Loader, Source
from callboard.cache.batch import load_many
from callboard.cache.entry import checked_tags
from callboard.cache.errors import TierUnavailable
from callboard.cache.loading import Loading
from callboard.cache.outage import Owed
from callboard.cache.policy import NAMESPACE, Key, Keyspace
from callboard.cache.records import Hook, Outcome, Record, ignore
from callboard.cache.scripts import BEAT
from callboard.cache.tier import Tier
from callboard.cache.transport import Transport
from callboard.cache.verdicts import MISS, Miss, Soft
from callboard.cache.warm import Warmed, warm
from callboard.cache.writing import Writing
from callboard.clock import Clock, SystemClock

__all__ = ["Cache"]

T = TypeVar("T")

_TRUST_S = 20e-6
"""For how long memory is served without asking whether pushes have arrived meanwhile."""
_TURNS_MAX = 4
_BEAT_S = 1.0


class Cache:
    """One process' cache over one Redis or Valkey, single or cluster.

    Args:
        transport: `open_links(url)`, or another `Transport`.
        clock: where the time comes from; the machine's own unless told.
        hook: told of everything that happens; must be quick and must not raise.
        rng: spreads refreshes; seeded in tests.
        namespace: what every key begins with; the keyspaces' and the transport's too.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock | None = None,
        *,
        hook: Hook = ignore,
        rng: random.Random | None = None,
        namespace: str = NAMESPACE,
    ) -> None:
        clock = clock or SystemClock()
        self._transport = transport
        self._hook = hook
        self._tier = Tier(transport, clock, hook, namespace)
        self._memory = self._tier.memory
        self._nodes = self._memory.nodes
        self._now_s = clock.monotonic_s
        self._owed = Owed()
        self._loading = Loading(self._tier, self._owed, rng or random.Random())  # noqa: S311  (spreads load)
        self._writing = Writing(self._tier, self._owed, self._loading)
        self._looked_s = 0.0
        self._beat = f"{namespace}@".encode()
        self._namespace = namespace

    async def start(self) -> None:
        """Connect. Returns also when Redis does not answer: then it is served without."""
        await self._transport.start(self)
        self._loading.flights.spawn(self._keep_beating())

    async def close(self) -> None:
        """End background work and the connections."""
        await self._loading.flights.close()
        await self._transport.close()

    # -- reading ---------------------------------------------------------------------------

    async def get_or_load(
        self, key: Key[T], loader: Loader[T], *, min_as_of: int = 0
    ) -> Answer[T]:
        """Return a value: from memory, from Redis, or loaded once for everybody who asks.

        `min_as_of` asks for a value that contains at least the writes up to that commit time.

        Raises:
            LoadTimeout: the loader took too long and there was nothing stale to serve.
            Exception: what the loader raised, likewise.
        """
        if min_as_of:
            _require_clock(key)
        if key.raw in self._nodes and self._now_s() - self._looked_s < _TRUST_S:
            # What nearly every read is: no more is asked than must be.
            hit = self._in_memory(key, self._now_s(), min_as_of)
            answer = hit if hit is not None else await self._find(key, min_as_of)
        else:
            answer = await self._find(key, min_as_of)
        if isinstance(answer, Answer):
            return answer
        if isinstance(answer, Soft):
            self._loading.refresh(key, loader)
            self._hook(Record(Outcome.STALE_SOFT, key.space.name))
            return answer.answer
        if answer is None:
            return await self._loading.without_redis(key, loader, min_as_of)
        return await self._loading.through(key, loader, min_as_of, answer)

    async def get(self, key: Key[T], *, min_as_of: int = 0) -> Answer[T] | None:
        """Return a value if there is one; None: there is not, or Redis is away."""
        if min_as_of:
            _require_clock(key)
        answer = await self._find(key, min_as_of)
        if isinstance(answer, Soft):
            return answer.answer
        return answer if isinstance(answer, Answer) else None

    async def get_many(
        self, keys: Sequence[Key[T]], loader: BatchLoader[T], *, min_as_of: int = 0
    ) -> dict[str, Answer[T]]:
        """Return a value for every key, by id; what is missing is loaded in one call.

        Raises:
            LoadTimeout: the loader took too long and there was nothing stale to serve.
            Exception: what the loader raised, likewise.
        """
        return await load_many(self, keys, loader, min_as_of)

    async def _find(self, key: Key[T], min_as_of: int) -> Answer[T] | Soft | Miss | None:
        """Look in memory, then in Redis; None: Redis cannot be asked."""
        if key.raw in self._nodes or key.space.tagged:
            now_s = self._now_s()
            if now_s - self._looked_s > _TRUST_S and self._transport.tracking:
                if self._transport.unread():
                    await self._let_pushes_in()
                else:
                    self._looked_s = now_s
            found = self._in_memory(key, now_s, min_as_of)
            if found is not None:
                return found
        raw = key.raw
        if not self._transport.up(raw) or self._owed.concerns(raw):
            return None
        try:
            seen = await self._tier.read(key, min_as_of)
            if isinstance(seen, Miss):
                return await self._knowing_tags(key, min_as_of, seen) if seen.unknown else seen
        except TierUnavailable:
            return None
        self._hook(self._tier.hits(key.space)[1])
        return seen

    async def _knowing_tags(
        self, key: Key[T], min_as_of: int, missed: Miss
    ) -> Answer[T] | Soft | Miss:
        """Learn the floors of an entry's tags, and look again; raises TierUnavailable."""
        tier = self._tier
        await tier.learn_tags(missed.unknown)
        tier.require_trusted(key.raw)
        seen = await tier.read(key, min_as_of)
        if not isinstance(seen, Miss):
            self._hook(tier.hits(key.space)[1])
        return seen

    def _in_memory(self, key: Key[T], now_s: float, min_as_of: int) -> Answer[T] | Soft | None:
        node = self._memory.get(key.raw, now_s)
        if node is None or node.as_of < min_as_of:
            return None
        self._hook(node.hit)
        answer: Answer[T] = node.answer
        if node.payload is not None:
            value = key.space.codec.decode(node.payload)
            answer = Answer(value, answer.as_of, answer.stale, Source.L1)
        return answer if now_s < node.soft_s else Soft(answer._replace(stale=True))

    async def _let_pushes_in(self) -> None:
        """Let the loop read what has arrived before memory is asked."""
        # Two turns, as asyncio runs what was ready before it reads; a connection that ends
        # takes one more, and stays unread until then.
        for turn in range(_TURNS_MAX):
            await asyncio.sleep(0)
            if turn and not self._transport.unread():
                break
        self._looked_s = self._now_s()

    # -- writing ---------------------------------------------------------------------------

    async def put(
        self, key: Key[T], value: T | None, *, as_of: int | None = None, tags: Sequence[str] = ()
    ) -> bool:
        """Store what was just written, as it is after the write committed at `as_of`.

        Older ones are refused, whatever the order they come in. False: not stored (older than
        what is known, or Redis is away: then the invalidation is owed).

        Raises:
            ValueError: the keyspace is clocked and `as_of` is missing; or the tags do not fit.
        """
        if key.space.clocked and as_of is None:
            message = f"{key!r}: a clocked keyspace needs the commit time of what is put"
            raise ValueError(message)
        loaded = Loaded(value, as_of if key.space.clocked else None, checked_tags(tags))
        return await self._writing.put(key, loaded)

    async def invalidate(self, key: Key[Any], *, at: int | None = None) -> bool:
        """Make everything older than the commit time `at` unusable, in every process.

        Without `at` whatever there is becomes unusable, and what is being loaded is refused.
        True: Redis knows; False: it is away, the invalidation is kept and sent when it is back.
        """
        return await self._writing.invalidate(key, at)

    async def invalidate_tag(self, tag: str, *, at: int | None = None) -> bool:
        """Do the same for every entry of a tag, in one step.

        Raises:
            ValueError: the tag is empty or too long.
        """
        return await self._writing.invalidate_tag(checked_tags((tag,))[0], at)

    async def settled(self) -> None:
        """Return when nothing is owed to Redis: whoever saves a resume token waits for this."""
        await self._writing.settled()

    def trusts(self, key: Key[Any]) -> bool:
        """Whether Redis answers for a key now; otherwise it is served by the loader."""
        return self._transport.up(key.raw) and not self._owed.concerns(key.raw)

    @property
    def owed(self) -> int:
        """How many invalidations Redis has not been told of yet."""
        return len(self._owed)

    async def warm(
        self, keys: Iterable[Key[T]], loader: Loader[T], *, concurrency: int = 4
    ) -> Warmed:
        """Load what is missing or due for a refresh, a few at a time; errors are counted."""
        return await warm(self, keys, loader, concurrency)

    async def find(self, key: Key[T], min_as_of: int = 0) -> Answer[T] | Soft | Miss:
        """Look in memory and Redis; for the parts of this package. Misses when Redis is away."""
        return await self._find(key, min_as_of) or MISS

    async def peek(self, key: Key[T]) -> Sequence[Answer[T]]:
        """Return what memory and Redis would serve now, in this order; for the auditor."""
        found = []
        node = self._memory.get(key.raw, self._now_s())
        if node is not None:
            value = node.answer.value
            if node.payload is not None:
                value = key.space.codec.decode(node.payload)
            found.append(node.answer._replace(value=value))
        if self._transport.up(key.raw):
            with contextlib.suppress(TierUnavailable):
                seen = await self._tier.read(key, 0)
                seen = seen.answer if isinstance(seen, Soft) else seen
                found += [seen] if isinstance(seen, Answer) else []
        return found

    async def keys(self, space: Keyspace[T]) -> AsyncIterator[Key[T]]:
        """Walk over the keys Redis holds of a keyspace.

        Raises:
            TierUnavailable: Redis does not answer.
        """
        async for raw in self._transport.scan(space.prefix):
            yield Key(space, raw[len(space.prefix) :].decode(), raw)

    # -- what the link says ----------------------------------------------------------------

    def changed(self, keys: Sequence[bytes]) -> None:
        """Others wrote these keys: forget them, wake who waits for them."""
        told = 0
        for raw in keys:
            if raw.startswith(self._beat):
                self._note_lag(raw)
                continue
            told += 1
            tag = self._tier.tags.name(raw)
            if tag is None:
                self._memory.drop(raw)
                self._loading.bells.ring(raw)
            else:
                self._writing.tag_changed(tag)
        if told:
            self._hook(Record(Outcome.PUSHED, count=told))

    def distrusted(self, reason: str) -> None:
        """Pushes may have been missed: trust nothing in memory, join nothing."""
        self._memory.distrust()
        self._tier.tags.forget_all()
        self._loading.flights.detach_all()
        self._loading.bells.ring_all()
        self._hook(Record(Outcome.DISTRUSTED, detail=reason))

    async def restoring(self, server: str) -> None:
        """A server answers again: tell it what it missed before it is trusted.

        Raises:
            TierUnavailable: it went away again.
        """
        await self._writing.repay(server)
        self._memory.distrust()
        self._loading.refuge.clear()
        self._loading.flights.detach_all()
        self._hook(Record(Outcome.RESTORED, detail=server))

    # -- how late pushes are ---------------------------------------------------------------

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            self._tier.look_at_the_wall_clock()
            # A key whose slot has moved to a server that was up all along.
            with contextlib.suppress(TierUnavailable):
                await self._writing.repay_moved()
            if not self._transport.tracking:
                continue
            key = self._beat + b"%d" % self._tier.now_ms()
            if self._transport.up(key):
                with contextlib.suppress(TierUnavailable):
                    await self._transport.run(BEAT, key, (b"0",), lambda reply, _: reply)

    def _note_lag(self, raw: bytes) -> None:
        with contextlib.suppress(ValueError):
            late_ms = self._tier.now_ms() - int(raw[len(self._beat) :])
            self._hook(Record(Outcome.LAG, seconds=max(late_ms, 0) / 1000))


def _require_clock(key: Key[Any]) -> None:
    if not key.space.clocked:
        message = f"{key!r}: without a clock nothing can be promised about min_as_of"
        raise ValueError(message)
