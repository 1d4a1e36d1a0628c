"""The sample payloads in `tests/fixtures`: posted as bytes, and what is expected of each."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.server import LocalServer

__all__ = ["BY_FILE", "IN_ORDER", "Sample", "post", "samples", "wrong"]

FIXTURES = Path(__file__).parent.parent / "fixtures"

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Sample:
    """One file that vendors would post."""

    file: str
    kind: str
    expected: Mapping[str, Any]

    @property
    def body(self) -> bytes:
        """Return the file's bytes."""
        return (FIXTURES / self.file).read_bytes()


def samples() -> list[Sample]:
    """Return every webhook of the index, in its order; REST answers are no webhooks."""
    index = json.loads((FIXTURES / "index.json").read_bytes())
    return [
        Sample(found["file"], found["kind"], found.get("expected", {}))
        for found in index["files"]
        if found["kind"] in _POST
    ]


async def post(server: LocalServer, sample: Sample) -> list[int]:
    """Post a sample; return the status of each answer."""
    return await _POST[sample.kind](server, sample)


async def _form_list(server: LocalServer, forms: list[dict[str, str]]) -> list[int]:
    return [(await server.webhook(form)).status_code for form in forms]


async def _forms(server: LocalServer, sample: Sample) -> list[int]:
    said = json.loads(sample.body)
    return await _form_list(server, said if isinstance(said, list) else [said])


async def _deliveries(server: LocalServer, sample: Sample) -> list[int]:
    said = json.loads(sample.body)
    return await _form_list(server, [delivery["form"] for delivery in said["deliveries"]])


async def _cloudevents(server: LocalServer, sample: Sample) -> list[int]:
    return [(await server.events(sample.body)).status_code]


async def _elevenlabs(server: LocalServer, sample: Sample) -> list[int]:
    return [(await server.elevenlabs(sample.body)).status_code]


async def _initiation(server: LocalServer, sample: Sample) -> list[int]:
    return [(await server.initiation(sample.body)).status_code]


_POST: Mapping[str, Callable[[LocalServer, Sample], Awaitable[list[int]]]] = {
    "twilio_form": _forms,
    "twilio_form_sequence": _forms,
    "twilio_delivery_list": _deliveries,
    "twilio_cloudevents": _cloudevents,
    "elevenlabs_event": _elevenlabs,
    "elevenlabs_initiation_request": _initiation,
}


def _at(*path: str) -> Callable[[Document], Any]:
    def look(call: Document) -> Any:
        found: Any = call
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    return look


def _customer(call: Document) -> Any:
    return call["from"] if call["direction"] == "inbound" else call["to"]


def _answered(call: Document) -> bool:
    return call["answerTime"] is not None


_TOLD_BY_THE_CALL: Mapping[str, Callable[[Document], Any]] = {
    "call_sid": _at("sid"),
    "final_status": _at("status"),
    "duration_secs": _at("duration"),
    "twilio_duration_secs": _at("duration"),
    "answered": _answered,
    "answered_by": _at("answeredBy"),
    "direction": _at("direction"),
    "external_number": _customer,
    "cost_credits": _at("cost"),
    "conversation_id": _at("conversationId"),
    "analysis": _at("success"),
    "sip_response_code": _at("twilio", "sipResponseCode"),
    "machine_detection_ms": _at("twilio", "machineDetectionMs"),
    "recording_sid": _at("twilio", "recordingSid"),
    "call_successful": _at("elevenlabs", "conversation", "callSuccessful"),
    "elevenlabs_duration_secs": _at("elevenlabs", "conversation", "durationSecs"),
    "elevenlabs_status": _at("elevenlabs", "conversation", "status"),
}

TOLD_ELSEWHERE = frozenset(
    {
        "billed_minutes",  # Twilio's price list, not ours: kept in the inbox alone
        "events_stored",
        "unique_events",
        "counters_incremented_once",
        "status_unchanged",
        "joins_existing_call",
        "call_sid_is_twilio",
        "stored_raw",
        "http_status",
    }
)
"""Expectations about more than one document; the tests hold them one by one."""


def wrong(sample: Sample, call: Document) -> dict[str, tuple[Any, Any]]:
    """Return what the shown call says otherwise than the index expects: said, expected."""
    told = {name: value for name, value in sample.expected.items() if name not in TOLD_ELSEWHERE}
    if told.get("call_sid", "") is None:
        told["call_sid"] = told["conversation_id"]
    return {
        name: (_TOLD_BY_THE_CALL[name](call), value)
        for name, value in told.items()
        if _TOLD_BY_THE_CALL[name](call) != value
    }


IN_ORDER = samples()
"""Every webhook, in the index's order."""
BY_FILE = {sample.file: sample for sample in IN_ORDER}
