"""From a change's acknowledgement to its delta: a writer at a steady rate, and a reader beside."""

import asyncio
import gc
from collections import deque
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import orjson
from bench_pipe import percentiles
from processes import sample
from projection_bench import Bench, until
from projection_load import batches, mark_of

from callboard.domain.lattice import CallFact
from callboard.domain.stream import Delta, Position
from callboard.tasks import end

__all__ = ["latency"]

WARM_S = 1.0


class Watch:
    """When each change, by its mark, was acknowledged and when it was seen."""

    def __init__(self) -> None:
        self.acknowledged_s: dict[int, float] = {}
        self.seen_s: dict[int, float] = {}
        self.own: set[int] = set()
        """Changes that were seen by a delta of their own."""
        self._waiting: dict[str, deque[int]] = {}

    def expect(self, fact: CallFact) -> int:
        """Wait for a change that is about to be written; return its mark."""
        mark = mark_of(fact.most["contactName"])
        self._waiting.setdefault(fact.key, deque()).append(mark)
        return mark

    def see(self, delta: Delta, now_s: float) -> None:
        """Take a delta: it shows its own change and all earlier ones of its call."""
        mark = mark_of(orjson.loads(delta.value)["contactName"])
        waiting = self._waiting.get(delta.key, ())
        while waiting and waiting[0] <= mark:
            self.seen_s[waiting.popleft()] = now_s
        self.own.add(mark)


async def latency(
    bench: Bench, pids: Mapping[str, int], rate: int, seconds: float
) -> dict[str, Any]:
    """Write at a rate, whether or not the view follows; return the row."""
    facts = bench.population.take(round(rate * (WARM_S + seconds)))
    warm = round(rate * WARM_S)
    # What was built before must not be searched for garbage while latencies are measured.
    gc.collect()
    gc.freeze()
    watch = Watch()
    snapshot = await bench.live.load()
    following = asyncio.ensure_future(_follow(bench, snapshot.position, watch))
    before, begun_s = sample(pids), perf_counter()
    await _write(bench, facts, rate, watch)
    wrote_s = perf_counter() - begun_s
    cost = sample(pids).since(before)

    async def all_seen() -> bool:
        if following.done():
            following.result()
        return len(watch.seen_s) == len(facts)

    await until(all_seen, "every change's delta")
    await end(following)
    gc.unfreeze()
    marks = [mark_of(fact.most["contactName"]) for fact in facts[warm:]]
    took_s = [watch.seen_s[mark] - watch.acknowledged_s[mark] for mark in marks]
    coalesced = sum(mark not in watch.own for mark in marks) / len(marks)
    return {
        "changes/s": rate,
        "at rate": round(len(facts) / wrote_s),
        **percentiles("seen", took_s),
        "max ms": round(max(took_s) * 1e3, 1),
        "coalesced %": round(coalesced * 100, 1),
        **{f"{who} cores": round(share, 2) for who, share in cost.cores().items()},
    }


async def _follow(bench: Bench, position: Position, watch: Watch) -> None:
    async for deltas in bench.live.tail(position):
        now_s = perf_counter()
        for delta in deltas:
            watch.see(delta, now_s)


async def _write(bench: Bench, facts: Sequence[CallFact], rate: int, watch: Watch) -> None:
    """Write what is due, then what has become due meanwhile: ingest's group commit."""
    begun_s = perf_counter()
    done = 0
    while done < len(facts):
        due = min(int((perf_counter() - begun_s) * rate) + 1, len(facts))
        if due == done:
            await asyncio.sleep(begun_s + done / rate - perf_counter())
            continue
        for batch in batches(facts[done:due]):
            marks = [watch.expect(fact) for fact in batch]
            await bench.write(batch)
            watch.acknowledged_s |= dict.fromkeys(marks, perf_counter())
        done = due
