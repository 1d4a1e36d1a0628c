"""A call's lattice: what is stored of each fact, and which way it merges.

A *fact* is what one webhook says about one call: a few *leaves*, dotted paths into the call
document with their values. Every leaf keeps either the greatest or the least value ever said,
so merging is commutative, associative and idempotent: order and repetition do not matter.
`callboard.store.merge` turns a fact into the statement that MongoDB executes; it also derives
the shown fields (`status`, `outcome`, …) from the leaves. The stale-call watch speaks in facts
too: what it says is as good as how late it last heard of the call (`callboard.domain.stale`).

An embedded document whose first field is `v` moves as one: BSON compares field by field.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from callboard.domain.calls import OUTCOME_BY_STATUS, STATUS_RANK

__all__ = ["TERMINAL_VERSION", "CallFact", "leaves_of", "state"]

_RANK_STEP = 1_000_000
"""Room for sequence numbers inside one rank; Twilio sends single digits."""

TERMINAL_VERSION = 4 * _RANK_STEP
"""`twilio.state.v` of a call that has ended is at least this."""

_LEAST = (
    "twilio.seen.",
    "twilio.startedAt",
    "twilio.endedAt",
    "twilio.reckonedAt",
    "elevenlabs.requestedAt",
)
"""Leaves that keep the least; all others keep the greatest."""

_SHARED = ("campaignId", "contactId", "contactName", "updatedAt")
"""Top-level leaves: whoever says them means the same thing. The rest are derived."""

# Embedded documents that are one leaf, not a branch.
_UNITS = frozenset(
    {
        "twilio.state",
        "twilio.answered",
        "elevenlabs.conversation",
        "elevenlabs.failure",
        "elevenlabs.audio",
        "elevenlabs.request",
        "watch.flagged",
        "watch.closed",
    }
)


@dataclass(frozen=True, slots=True)
class CallFact:
    """What one webhook says about one call."""

    key: str
    """`_id` of the call: Twilio's call SID; the conversation id while no SID is known."""
    event_key: str
    """Equal for two webhooks that are the same fact, e.g. `twilio:CA…:status:3:completed`."""
    kind: str
    """The vendor's kind of event, e.g. `status`, `amd`, `recording`."""
    most: Mapping[str, Any] = field(default_factory=dict)
    """Leaves that keep the greatest value ever said, by path."""
    least: Mapping[str, Any] = field(default_factory=dict)
    """Leaves that keep the least value ever said, by path."""
    orphan: bool = False
    """Whether `key` is a conversation id: no call SID is known yet."""
    conversation_id: str | None = None
    """ElevenLabs' id of the conversation, where one is named."""
    call_id: str | None = None
    """The caller's own id of the call, if one rode along; joins vendors that share no other."""

    @property
    def is_twilios_alone(self) -> bool:
        """Tell whether no leaf is another's word; else what is shown may follow from all."""
        return self.conversation_id is None and not any(
            path.startswith(("elevenlabs.", "watch.")) for path in self.most
        )

    def of_call(self, sid: str) -> "CallFact":
        """Return the same fact as one about this call SID."""
        return replace(self, key=sid, orphan=False)

    def joined_with(self, other: "CallFact") -> "CallFact":
        """Return both facts as one about the other's call; their leaves are disjoint."""
        return replace(
            self,
            key=other.key,
            orphan=False,
            most={**other.most, **self.most, **_later(self.most, other.most)},
            least={**other.least, **self.least},
        )


def _later(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the greater `updatedAt`, the one leaf that both vendors' facts share."""
    instants = [said["updatedAt"] for said in (one, other) if "updatedAt" in said]
    return {"updatedAt": max(instants)} if instants else {}


def state(status: str, sequence: int) -> dict[str, Any]:
    """Return a Twilio status as a leaf that orders by rank, then by sequence number.

    >>> state("ringing", 1)
    {'v': 2000001, 's': 'ringing'}
    """
    version = STATUS_RANK[status] * _RANK_STEP + min(sequence, _RANK_STEP - 1)
    leaf: dict[str, Any] = {"v": version, "s": status}
    if outcome := OUTCOME_BY_STATUS.get(status):
        leaf["o"] = outcome
    return leaf


def leaves_of(document: Mapping[str, Any]) -> CallFact:
    """Return everything a stored call knows as one fact: merging it elsewhere copies it all."""
    found = dict(_leaves(document))
    least = {path: value for path, value in found.items() if path.startswith(_LEAST)}
    most = {path: value for path, value in found.items() if path not in least}
    key = str(document["_id"])
    conversation_id = found.get("elevenlabs.conversationId")
    return CallFact(
        key=key,
        event_key=f"callboard:{key}:join",
        kind="join",
        most=most,
        least=least,
        orphan=bool(document.get("orphan")),
        conversation_id=conversation_id,
        call_id=found.get("context.callId"),
    )


def _leaves(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in _SHARED:
        if document.get(name) is not None:
            yield name, document[name]
    for name in ("context", "twilio", "elevenlabs", "watch"):
        branch = document.get(name)
        if isinstance(branch, Mapping):
            yield from _below(name, branch)


def _below(path: str, branch: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in branch.items():
        below = f"{path}.{name}"
        if isinstance(value, Mapping) and below not in _UNITS:
            yield from _below(below, value)
        elif value is not None:
            yield below, value
