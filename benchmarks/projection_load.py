"""Changes of calls for the projector: as many alive all the time, every change with its mark.

They are written as ingest writes them (`FactStore.merge`), from the forms of a captured call, so
that the documents are whole. A change's mark is a growing number in its call's contact name:
a delta shows which change it is of, and the newest one is the largest.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from callboard.domain.lattice import CallFact
from callboard.vendors.twilio.callbacks import parse_callback

__all__ = ["Population", "batches", "mark_of"]

CAMPAIGNS = 5
COMMAND_LENGTH_MAX = 500
"""Facts merged together at most: ingest's own bound."""
_FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"
_FORMS = json.loads((_FIXTURES / "twilio_outbound_full_lifecycle.json").read_text())
_AFTER_S = (0, 3, 11, 58)
_ALIVE = 3
"""Forms that leave a call alive: initiated, ringing, in-progress; the fourth completes it."""
_MARK_DIGITS = 9
_START_SPAN_S = 1_800


def mark_of(contact_name: str) -> int:
    """Return the mark of the change that gave a call this contact name."""
    return int(contact_name[-_MARK_DIGITS:])


class _Call:
    """One call, and how far it has come."""

    def __init__(self, number: int, start: datetime) -> None:
        self._number = number
        self._start = start + timedelta(seconds=number % _START_SPAN_S)
        self.sid = f"CA{number:032x}"
        self.step = 0
        self.contact_name = ""

    def next(self, mark: int) -> CallFact:
        """Return the call's next change."""
        at = self._start + timedelta(seconds=_AFTER_S[self.step])
        form = _FORMS[self.step] | {
            "CallSid": self.sid,
            "To": f"+1360{self._number % 10_000_000:07d}",
            "Timestamp": format_datetime(at),
        }
        self.step += 1
        self.contact_name = f"Ada Okafor {mark:0{_MARK_DIGITS}d}"
        campaign = self._number % CAMPAIGNS
        query = {
            "campaignId": f"camp_{campaign}",
            "contactId": f"contact_{self._number}",
            "contactName": self.contact_name,
            "agentName": f"Agent {campaign}",
        }
        return parse_callback([*form.items()], [*query.items()], at)


class Population:
    """Calls whose lives go on in turn; one that completes is followed by another at once."""

    def __init__(self, live: int, start: datetime) -> None:
        self._start = start
        self._marks = itertools.count(1)
        self._numbers = itertools.count(1)
        self._calls = [self._another() for _ in range(live)]
        self._changes = self._play()

    def standing(self) -> list[CallFact]:
        """Return what makes all calls alive: a third each initiated, ringing and in progress."""
        return [
            call.next(next(self._marks))
            for step in range(_ALIVE)
            for index, call in enumerate(self._calls)
            if step <= index % _ALIVE
        ]

    def take(self, count: int) -> list[CallFact]:
        """Return the next changes of the population."""
        return [*itertools.islice(self._changes, count)]

    def shown(self) -> dict[str, str]:
        """Return the calls alive after all changes taken: contact names by SID."""
        return {call.sid: call.contact_name for call in self._calls if 0 < call.step <= _ALIVE}

    def _another(self) -> _Call:
        return _Call(next(self._numbers), self._start)

    def _play(self) -> Iterator[CallFact]:
        """Yield the calls' changes round by round."""
        while True:
            for index, call in enumerate(self._calls):
                yield call.next(next(self._marks))
                if call.step > _ALIVE:
                    self._calls[index] = self._another()
                    yield self._calls[index].next(next(self._marks))


def batches(facts: Iterable[CallFact]) -> Iterator[Sequence[CallFact]]:
    """Cut changes into what may be merged together: each call once, so that none is lost."""
    batch: dict[str, CallFact] = {}
    for fact in facts:
        if fact.key in batch or len(batch) == COMMAND_LENGTH_MAX:
            yield [*batch.values()]
            batch = {}
        batch[fact.key] = fact
    yield [*batch.values()]
