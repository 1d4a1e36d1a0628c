"""Reading and writing entries in Redis, and keeping memory in step, reply by reply.

Whatever is decided here about memory is decided inside the reader, in wire order: a push that
came after a reply finds what the reply put there; one that came before does not matter to it.
"""

import asyncio
import math
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from callboard.cache.answer import Answer, Loaded, Source
from callboard.cache.entry import HEADER, NO_STAMP, NO_TOKEN, Entry, Seen, decode, encode, stamp
from callboard.cache.errors import TierUnavailable
from callboard.cache.memory import Memory, Node
from callboard.cache.policy import Key, Keyspace
from callboard.cache.records import Hook, Outcome, Record
from callboard.cache.scripts import FILL, RELEASE, RENEW, TAKE
from callboard.cache.tags import Tags, floor_of
from callboard.cache.transport import Transport
from callboard.cache.verdicts import MISS, Busy, Miss, Soft, Verdict, Win
from callboard.clock import Clock

__all__ = ["STORED", "Tier", "new_token"]

T = TypeVar("T")

STORED = 1


def _untold(_: Verdict) -> None:
    """Nobody wants to hear it at once."""


class Tier:
    """Redis and the memory in front of it."""

    def __init__(self, transport: Transport, clock: Clock, hook: Hook, namespace: str) -> None:
        self.transport = transport
        self.hook = hook
        self.tags = Tags(namespace)
        self.memory = Memory(lambda name: hook(Record(Outcome.EVICTED, name)))
        self.now_s = clock.monotonic_s
        self._clock = clock
        self._wall_offset_s = 0.0
        self._hits: dict[str, tuple[Record, Record]] = {}
        self.look_at_the_wall_clock()

    def look_at_the_wall_clock(self) -> None:
        """Take the wall time; between two looks the steady clock carries it on."""
        self._wall_offset_s = self._clock.now().timestamp() - self._clock.monotonic_s()

    def now_ms(self) -> int:
        """Return the wall time in milliseconds."""
        return int((self.now_s() + self._wall_offset_s) * 1000)

    def hits(self, space: Keyspace[Any]) -> tuple[Record, Record]:
        """Return the records of a hit in memory and in Redis; made once, told often."""
        found = self._hits.get(space.name)
        if found is None:
            found = (Record(Outcome.HIT_L1, space.name), Record(Outcome.HIT_L2, space.name))
            self._hits[space.name] = found
        return found

    def require_trusted(self, raw: bytes) -> None:
        """Return when the server of a key may be believed.

        Between connecting and being told what it missed it can be asked, but must not be.

        Raises:
            TierUnavailable: it may not.
        """
        if not self.transport.up(raw):
            message = "Redis is away"
            raise TierUnavailable(message)

    # -- reading ---------------------------------------------------------------------------

    def read(self, key: Key[T], min_as_of: int) -> "asyncio.Future[Answer[T] | Soft | Miss]":
        """Ask a server that is trusted. Raises TierUnavailable, at once or through the future."""
        judge = self.judge if key.space.l1_bytes else self._plainly
        return self.transport.get(key.raw, partial(judge, key, min_as_of))

    def judge(  # noqa: C901, PLR0911  (one question after the other; parts would hide the order)
        self, key: Key[T], min_as_of: int, raw: bytes | None, server: int
    ) -> Answer[T] | Soft | Miss:
        """Decide whether an entry may be served, and keep it in memory if it may."""
        entry = decode(raw)
        if entry is None or (entry.server != server and entry.server and server):
            return MISS
        missed = Miss((), 0, None, entry.token, entry.floor)
        if entry.kind not in b"VN" or entry.as_of < min_as_of:
            return missed
        now_ms = self.now_ms()
        hard_ms = entry.hard_ms
        dirty = entry.as_of < entry.floor
        if dirty:
            window_ms = int(key.space.coalesce_s * 1000)
            hard_ms = min(hard_ms, entry.dirty_ms + window_ms)
            if now_ms <= entry.dirty_ms - window_ms:
                return missed  # clocks disagree by more than the window: it is closed
        if now_ms >= hard_ms:
            return missed
        if entry.tags:
            if unknown := self.tags.unknown(entry.tags):
                return Miss(tuple(unknown))
            if not self.tags.allow(entry):
                floor = 0 if entry.strict else floor_of(self.tags.seen(entry.tags))
                return missed._replace(floor=floor, rejected=entry.mark)
        try:
            value = None if entry.kind == b"N" else key.space.codec.decode(entry.payload)
        except Exception:
            return missed._replace(rejected=entry.mark)  # written by other code: load it anew
        soft = now_ms >= entry.soft_ms and not dirty
        answer = self._keep(key, entry, value, Source.L2, hard_ms)
        if soft or dirty:
            answer = answer._replace(stale=True)
        return Soft(answer) if soft else answer

    def _plainly(
        self, key: Key[T], min_as_of: int, raw: bytes | None, server: int
    ) -> Answer[T] | Soft | Miss:
        """Judge what nearly every hit without memory is, at a third of the price."""
        if raw is None or len(raw) < HEADER.size:
            return MISS
        kind, strict, made_on, as_of, floor, _, _, soft_ms, _, _, tags = HEADER.unpack_from(raw)
        if kind == b"V" and made_on == server and not (strict or tags) and as_of >= floor:
            now_ms = (self.now_s() + self._wall_offset_s) * 1000
            if now_ms < soft_ms and as_of >= min_as_of:
                try:
                    value = key.space.codec.decode(raw[HEADER.size :])
                except Exception:  # noqa: S110  (looked at again below, and told apart)
                    pass
                else:
                    return Answer(value, as_of, False, Source.L2)  # noqa: FBT003  (a record)
        return self.judge(key, min_as_of, raw, server)

    def _keep(
        self, key: Key[T], entry: Entry, value: T | None, source: Source, hard_ms: int
    ) -> Answer[T]:
        """Keep a valid entry in memory, where the policy wants it, and return its answer."""
        space = key.space
        immutable = space.codec.immutable or entry.kind == b"N"
        as_of = 0 if entry.strict else entry.as_of
        now_ms = self.now_ms()
        if space.l1_bytes and self.transport.tracking and now_ms < hard_ms:
            now_s = self.now_s()
            longest_s = space.l1_ttl_s if space.l1_ttl_s is not None else math.inf
            dirty = entry.as_of < entry.floor
            self.memory.put(
                Node(
                    raw=key.raw,
                    space=space,
                    answer=Answer(value if immutable else None, as_of, dirty, Source.L1),
                    payload=None if immutable else entry.payload,
                    as_of=as_of,
                    soft_s=math.inf if dirty else now_s + (entry.soft_ms - now_ms) / 1000,
                    hard_s=now_s + min((hard_ms - now_ms) / 1000, longest_s),
                    loaded_s=now_s + (entry.hard_ms - now_ms) / 1000 - space.ttl_s,
                    tags=entry.tags,
                    hit=self.hits(space)[0],
                    size=len(entry.payload),
                )
            )
        return Answer(value, as_of, False, source)  # noqa: FBT003  (a record)

    async def last_good(self, key: Key[T]) -> tuple[Answer[T], float] | None:
        """Return what may be served because the loader failed, and its age; None: nothing.

        Raises:
            TierUnavailable: Redis does not answer.
        """
        space = key.space
        self.require_trusted(key.raw)
        entry = decode(await self.transport.get(key.raw, lambda reply, _: reply))
        if entry is None or entry.kind not in b"Vv":
            return None
        loaded_ms = entry.hard_ms - int(space.ttl_s * 1000)
        age_s = (self.now_ms() - loaded_ms) / 1000
        if age_s > space.stale_if_error_s:
            return None
        as_of = 0 if entry.strict else entry.as_of
        return Answer(space.codec.decode(entry.payload), as_of, True, Source.L2), age_s  # noqa: FBT003  (a record)

    def last_good_in_memory(self, key: Key[T]) -> tuple[Answer[T], float] | None:
        """The same from memory, trusted or not."""
        node = self.memory.remembered(key.raw)
        if node is None or self.now_s() - node.loaded_s > key.space.stale_if_error_s:
            return None
        age_s = self.now_s() - node.loaded_s
        value = node.answer.value if node.payload is None else key.space.codec.decode(node.payload)
        return node.answer._replace(value=value, stale=True), age_s

    async def learn_tags(self, tags: tuple[str, ...]) -> None:
        """Ask for the floors of tags that are not known.

        Raises:
            TierUnavailable: the server of one does not answer.
        """
        for tag in tags:
            self.require_trusted(self.tags.raw(tag))
        waiting = [
            self.transport.get(
                self.tags.raw(tag),
                partial(self.tags.learn, tag),
            )
            for tag in self.tags.unknown(tags)
        ]
        for future in waiting:
            await future

    async def seen(self, tags: tuple[str, ...]) -> dict[str, Seen]:
        """Return the floors of tags, asking for those that are not known.

        Raises:
            TierUnavailable: the server of one does not answer.
        """
        while self.tags.unknown(tags):
            await self.learn_tags(tags)
        return self.tags.seen(tags)

    # -- the right to load, and filling ----------------------------------------------------

    def take(
        self,
        key: Key[T],
        minimum: int,
        token: bytes,
        *,
        early: bool = False,
        rejected: int | None = None,
        told: Callable[[Verdict], None] = _untold,
    ) -> "asyncio.Future[Answer[T] | Soft | Miss | Win | Busy]":
        """Ask for the right to load; `told` hears the verdict in wire order.

        Raises (at once, or through the future):
            TierUnavailable: it could not be sent, or no reply came.
        """
        space = key.space
        self.require_trusted(key.raw)

        def on_reply(reply: Any, server: int) -> Answer[T] | Soft | Miss | Win | Busy:
            verdict: Answer[T] | Soft | Miss | Win | Busy
            if reply[0] == b"V":
                verdict = self.judge(key, minimum, reply[1], server)
            elif reply[0] == b"B":
                verdict = Busy(int(reply[1]))
            else:
                verdict = Win(max(minimum, int.from_bytes(reply[1], "big")))
            told(verdict)
            return verdict

        arguments = (
            b"%d" % self.now_ms(),
            stamp(minimum),
            token,
            b"%d" % int(space.lease_s * 1000),
            b"%d" % int(space.floor_ttl_s * 1000),
            b"%d" % int(space.coalesce_s * 1000),
            b"1" if early else b"0",
            b"0" if space.clocked else b"1",
            b"" if rejected is None else stamp(rejected),
        )
        return self.transport.run(TAKE, key.raw, arguments, on_reply)

    def release(self, key: Key[Any], token: bytes) -> "asyncio.Future[int]":
        """Give a lease back."""
        arguments = (b"%d" % self.now_ms(), token)
        return self.transport.run(RELEASE, key.raw, arguments, lambda reply, _: int(reply))

    def renew(self, key: Key[Any], token: bytes) -> "asyncio.Future[int]":
        """Keep a lease for another `lease_s`."""
        arguments = (b"%d" % self.now_ms(), token, b"%d" % int(key.space.lease_s * 1000))
        return self.transport.run(RENEW, key.raw, arguments, lambda reply, _: int(reply))

    def fill(
        self,
        key: Key[T],
        loaded: Loaded[T],
        seen: dict[str, Seen],
        token: bytes | None,
        soft_s: float,
    ) -> "asyncio.Future[int]":
        """Store what was loaded under a lease, or written (no token); 1: it was stored.

        Raises (at once, or through the future):
            TierUnavailable: it could not be sent, or no reply came.
            ValueError: the value's tags or stamp do not fit.
        """
        space = key.space
        self.require_trusted(key.raw)
        now_ms = self.now_ms()
        nothing = loaded.value is None
        ttl_s = space.negative_ttl_s if nothing else space.ttl_s
        payload = b"" if loaded.value is None else space.codec.encode(loaded.value)
        hard_ms = now_ms + int(ttl_s * 1000)
        soft_ms = hard_ms if nothing else now_ms + int(soft_s * 1000)
        as_of = loaded.as_of or 0
        kind = b"N" if nothing else b"V"
        strict = loaded.as_of is None
        entry = Entry(kind, strict, 0, as_of, as_of, NO_TOKEN, soft_ms, hard_ms, 0, seen, payload)

        def on_reply(reply: Any, server: int) -> int:
            known = not self.tags.unknown(seen) and self.tags.allow(entry)
            if reply == STORED and known:
                kept = entry._replace(server=server)
                # Decoded anew: what the loader returned may be changed by whoever holds it.
                self._keep(key, kept, _decoded(space, payload, nothing), Source.LOADER, hard_ms)
            else:
                self.memory.drop(key.raw)
            return int(reply)

        life_s = max(ttl_s, space.floor_ttl_s if nothing else space.stale_if_error_s)
        arguments = (
            b"%d" % now_ms,
            token or new_token(),
            b"" if strict else stamp(as_of),
            b"0" if token else b"1",
            b"%d" % int(life_s * 1000),
            encode(entry),
        )
        return self.transport.run(FILL, key.raw, arguments, on_reply)


def _decoded(space: Keyspace[T], payload: bytes, nothing: bool) -> T | None:  # noqa: FBT001  (local)
    return None if nothing or not space.codec.immutable else space.codec.decode(payload)


def new_token() -> bytes:
    """Return a lease's token: eight random bytes, never zero."""
    while (token := secrets.token_bytes(8)) == NO_STAMP:
        pass  # one in 2**64
    return token
