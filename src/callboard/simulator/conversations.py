"""What ElevenLabs knows of a planned call: what was said, how it was judged, what it cost.

Delays and prices are made up, of the size people see in practice; no vendor promises them.
"""

from dataclasses import dataclass
from random import Random

from callboard.simulator.lifecycle import CallPlan

__all__ = ["Conversation", "FailedAttempt", "Turn", "draw_conversation"]

_ANALYSED_AFTER_S = (3.0, 12.0)
_AUDIO_AFTER_S = (0.5, 4.0)
_FAILURE_AFTER_S = (0.5, 3.0)
_FAILURES_TOLD_SHARE = 0.8
_UNKNOWN_SHARE = 0.1
_CREDITS_A_MINUTE = 400
_AGENT_STARTS_AFTER_S = (1, 2)

_FAILURES = frozenset({"busy", "no-answer", "failed"})
_VOICEMAIL_VERDICTS = (("failure", "unknown"), (3, 1))

# What the other end says, and the same in the summary's words.
_ENDINGS = {
    "success": (
        ("Yes, that works for me.", "agreed"),
        ("Sure, please go ahead.", "agreed after one question"),
        ("All right, sign me up.", "agreed at once"),
    ),
    "failure": (
        ("No, thank you, I am not interested.", "declined"),
        ("I have no time for this, goodbye.", "had no time and hung up"),
        ("Please do not call me again.", "asked not to be called again"),
    ),
    "unknown": (
        ("Could you call me back next week?", "asked to be called back next week"),
        ("I will have to think about it.", "wanted to think about it first"),
    ),
}
_HANG_UPS = ("Call ended by remote party", "end_call tool was called.", "Client disconnected")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says at a time."""

    role: str
    """`agent` or `user`."""
    message: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """An answered call as its agent knows it; a machine may have answered."""

    plan: CallPlan
    """The call."""
    id: str
    """The conversation id: `conv_` and 28 hex digits."""
    stream_sid: str
    """Twilio's id of the audio stream: `MZ` and 32 hex digits."""
    voicemail: bool
    """Whether a machine answered."""
    duration_s: int
    """Whole seconds, a little below Twilio's: the agent starts after the answer."""
    verdict: str
    """`call_successful`: `success`, `failure` or `unknown`."""
    summary: str
    """One sentence."""
    turns: tuple[Turn, ...]
    """Who said what, in order."""
    termination_reason: str
    """Free text, as the vendor's is."""
    call_credits: int
    """What talking cost."""
    llm_credits: int
    """What thinking cost; the whole cost is their sum."""
    audio: bytes
    """The recording: a few bytes, not real audio."""
    analysed_at_s: float
    """When the transcription is sent, in seconds since the scenario's start."""
    recorded_at_s: float
    """When the audio is sent: after the transcription."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An outbound call nobody answered, of which ElevenLabs tells."""

    plan: CallPlan
    """The call."""
    id: str
    """The id of the conversation that never began."""
    told_at_s: float
    """When the event is sent, in seconds since the scenario's start."""


def draw_conversation(
    plan: CallPlan, rng: Random, speed: float
) -> Conversation | FailedAttempt | None:
    """Draw what ElevenLabs tells about a call; None if it tells nothing.

    It tells of every answered call, and of most outbound ones that failed, were busy or not
    picked up. Cancelled calls and callers who were not served have no event of theirs.
    """
    if plan.final_status == "completed":
        return _conversation(plan, rng, speed)
    failed = plan.direction != "inbound" and plan.final_status in _FAILURES
    if not failed or rng.random() >= _FAILURES_TOLD_SHARE:
        return None
    told_at_s = plan.ended_at_s + rng.uniform(*_FAILURE_AFTER_S) / speed
    return FailedAttempt(plan, _conversation_id(rng), told_at_s)


def _conversation(plan: CallPlan, rng: Random, speed: float) -> Conversation:
    voicemail = (plan.answered_by or "").startswith("machine")
    verdict = _verdict(plan, rng, voicemail=voicemail)
    answer, ending = rng.choice(_ENDINGS[verdict])
    duration_s = max(plan.duration_s - rng.randint(*_AGENT_STARTS_AFTER_S), 0)
    analysed_at_s = plan.ended_at_s + rng.uniform(*_ANALYSED_AFTER_S) / speed
    return Conversation(
        plan=plan,
        id=_conversation_id(rng),
        stream_sid=f"MZ{rng.getrandbits(128):032x}",
        voicemail=voicemail,
        duration_s=duration_s,
        verdict=verdict,
        summary=_voicemail_summary(plan) if voicemail else _summary(plan, ending),
        turns=_voicemail_turns(plan) if voicemail else _turns(plan, answer),
        termination_reason=(
            "voicemail_detection tool was called." if voicemail else rng.choice(_HANG_UPS)
        ),
        call_credits=round(duration_s * _CREDITS_A_MINUTE / 60),
        llm_credits=rng.randint(2, 12) + duration_s // 4,
        audio=b"ID3\x04" + rng.randbytes(24),
        analysed_at_s=analysed_at_s,
        recorded_at_s=analysed_at_s + rng.uniform(*_AUDIO_AFTER_S) / speed,
    )


def _conversation_id(rng: Random) -> str:
    return f"conv_{rng.getrandbits(112):028x}"


def _verdict(plan: CallPlan, rng: Random, *, voicemail: bool) -> str:
    if voicemail:
        return rng.choices(*_VOICEMAIL_VERDICTS)[0]
    success = plan.campaign.profile.success
    shares = (success, _UNKNOWN_SHARE, 1 - success - _UNKNOWN_SHARE)
    return rng.choices(("success", "unknown", "failure"), shares)[0]


def _other(plan: CallPlan) -> str:
    """Return the other end's given name, as far as the agent knows it."""
    return plan.contact.name.split(" ", 1)[0] if plan.recognised else "A caller"


def _summary(plan: CallPlan, ending: str) -> str:
    agent, other, topic = plan.campaign.agent_name, _other(plan), plan.campaign.name
    if plan.direction == "inbound":
        return f"{other} called {agent} about “{topic}” and {ending}."
    return f"{agent} called {other} about “{topic}”; {other} {ending}."


def _voicemail_summary(plan: CallPlan) -> str:
    agent, topic = plan.campaign.agent_name, plan.campaign.name
    return f"{agent} reached {_other(plan)}'s voicemail and left a message about “{topic}”."


def _turns(plan: CallPlan, answer: str) -> tuple[Turn, ...]:
    agent, topic = plan.campaign.agent_name, plan.campaign.name
    if plan.direction == "inbound":
        opening = (
            Turn("agent", f"Hello, this is {agent}. How can I help you?"),
            Turn("user", f"Hi, I am calling about “{topic}”."),
        )
    else:
        opening = (
            Turn("agent", f"Hi {_other(plan)}, this is {agent}. Do you have a minute?"),
            Turn("user", "Yes, what is it about?"),
        )
    return (
        *opening,
        Turn("agent", f"About “{topic}”: shall I set that up for you now?"),
        Turn("user", answer),
        Turn("agent", "I have noted that. Thank you, goodbye."),
    )


def _voicemail_turns(plan: CallPlan) -> tuple[Turn, ...]:
    agent, topic = plan.campaign.agent_name, plan.campaign.name
    return (
        Turn("user", "Please leave a message after the tone."),
        Turn("agent", f"Hi {_other(plan)}, this is {agent} about “{topic}”. I will try again."),
    )
