"""Webhooks on their way, and what may befall them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from random import Random
from typing import Literal

from callboard.simulator.forms import Pairs
from callboard.simulator.options import ScenarioOptions

__all__ = ["Delivery", "Faults"]

_DUPLICATE_AFTER_S = (0.2, 6.0)
_HELD_BACK_S = (0.2, 4.0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook to post: a form of Twilio's, or an event of ElevenLabs'."""

    at_s: float
    """When, in seconds since the scenario's start."""
    call_sid: str
    """The call it is about, even if the webhook itself does not say."""
    query: Pairs = ()
    """The callback URL's query: whom the call is for. Empty for unrecognised callers, and for
    ElevenLabs."""
    form: Pairs = ()
    """The body's fields as Twilio sends them; empty for ElevenLabs."""
    event: bytes = b""
    """The body as ElevenLabs sends it, JSON; empty for Twilio."""
    last: bool = field(default=False, compare=False)
    """Whether no other delivery about this call follows, by plan or because of faults. For the
    driver's bookkeeping; not part of the webhook."""

    @property
    def vendor(self) -> Literal["twilio", "elevenlabs"]:
        """Who sends it."""
        return "elevenlabs" if self.event else "twilio"


class Faults:
    """Repeats webhooks, holds them back and loses them, at the options' rates."""

    def __init__(self, options: ScenarioOptions, rng: Random) -> None:
        self._options = options
        self._rng = rng

    def strike(self, planned: Sequence[Delivery]) -> list[Delivery]:
        """Return what is left of one call's webhooks of one vendor, in order of time."""
        options, rng = self._options, self._rng
        delivered: list[Delivery] = []
        for position, delivery in enumerate(planned):
            times_s = [delivery.at_s]
            if rng.random() < options.disorder_rate:
                after = planned[min(position + 1, len(planned) - 1)]
                times_s = [after.at_s + self._scaled(_HELD_BACK_S)]
            if rng.random() < options.duplicate_rate:
                times_s.append(times_s[0] + self._scaled(_DUPLICATE_AFTER_S))
            delivered += [
                replace(delivery, at_s=at_s)
                for at_s in times_s
                if rng.random() >= options.loss_rate
            ]
        delivered.sort(key=attrgetter("at_s"))
        return delivered

    def _scaled(self, between_s: tuple[float, float]) -> float:
        return self._rng.uniform(*between_s) / self._options.speed
