"""What to simulate, checked as a whole."""

from dataclasses import dataclass

from callboard.errors import ConfigurationError

__all__ = ["ScenarioOptions"]


@dataclass(frozen=True, slots=True)
class ScenarioOptions:
    """What to simulate.

    Raises:
        ConfigurationError: Some values make no sense; the message names all of them.
    """

    seed: int = 1
    """Decides everything random, the call SIDs included: use a new one for every run into the
    same database, or the new run's calls are taken for repetitions of the old one's."""
    concurrent_calls: int = 20
    """How many calls to keep alive at once; never more, and a little fewer between calls."""
    campaigns: int = 3
    """How many campaigns call; at least as many as `campaign_ids` names."""
    contacts_per_campaign: int = 200
    """Length of each campaign's list; a campaign starts over at its end."""
    inbound_share: float = 0.1
    """Share of calls, 0 to 1, that come in instead of going out."""
    speed: float = 1.0
    """1 is real time; at 10 ringing, talking, gaps and faults take a tenth of it."""
    duplicate_rate: float = 0.0
    """Share of webhooks, 0 to 1, delivered a second time a few seconds later."""
    disorder_rate: float = 0.0
    """Share of webhooks, 0 to 1, held back until after the call's next one."""
    loss_rate: float = 0.0
    """Share of deliveries, 0 to 1, never made; the end of a call may be among them, and such a
    call never ends for the receiver."""
    calls_per_s_max: float | None = None
    """At most so many calls begin in a second, inbound ones included; not scaled by `speed`.
    A low cap may keep the live number below target. None: no cap."""
    hour_shape: bool = False
    """Whether the target follows the hour of the day in UTC: full at 10:00, 3 % at night. Calls
    alive when the target falls are not cut short."""
    call_limit: int | None = None
    """How many calls in all; None goes on for ever."""
    campaign_ids: tuple[str, ...] = ()
    """Ids to use for the first campaigns instead of made-up ones."""
    elevenlabs: bool = False
    """Whether ElevenLabs' events are among the webhooks; Twilio's are the same either way."""

    def __post_init__(self) -> None:
        shares = ("inbound_share", "duplicate_rate", "disorder_rate", "loss_rate")
        faults = [f"{name} must be 0 to 1" for name in shares if not 0 <= getattr(self, name) <= 1]
        counts = ("concurrent_calls", "campaigns", "contacts_per_campaign")
        faults += [f"{name} must be 1 or more" for name in counts if getattr(self, name) < 1]
        if not self.speed > 0:
            faults.append("speed must be above 0")
        if self.calls_per_s_max is not None and not self.calls_per_s_max > 0:
            faults.append("calls_per_s_max must be above 0")
        if self.call_limit is not None and self.call_limit < 0:
            faults.append("call_limit must be 0 or more")
        if len(set(self.campaign_ids)) < len(self.campaign_ids):
            faults.append("campaign_ids must be distinct")
        if faults:
            raise ConfigurationError("; ".join(faults))
