"""Logs: phone numbers are masked, and each line is one JSON object where nobody reads along."""

import json
from typing import Any

import pytest
import structlog

from callboard.observe.logs import configure_logs, mask_numbers

NUMBER = "+14155550142"


def logged(capsys: pytest.CaptureFixture[str], **values: Any) -> dict[str, Any]:
    """Return what one event looks like in JSON."""
    configure_logs("json", "info")
    structlog.get_logger().info("call.changed", **values)
    line: dict[str, Any] = json.loads(capsys.readouterr().err)
    return line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("nothing to hide 123456789", "nothing to hide 123456789"),
        (NUMBER, "+*********42"),
        (f"from {NUMBER} to +447700900123.", "from +*********42 to +**********23."),
        ("+12345", "+***45"),
        ("+1234", "+1234"),
        ("1+1=2, +5", "1+1=2, +5"),
    ],
)
def test_a_phone_number_is_reduced_to_its_last_two_digits(text: str, shown: str) -> None:
    assert mask_numbers(text) == shown


def test_every_text_of_an_event_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    line = logged(capsys, to=NUMBER, reason=f"busy: {NUMBER}", count=3)
    assert NUMBER not in json.dumps(line)
    assert (line["event"], line["level"], line["count"]) == ("call.changed", "info", 3)
    assert line["timestamp"].endswith("Z")


def test_a_less_severe_event_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "warning")
    log = structlog.get_logger()
    log.info("quiet")
    log.warning("loud")
    assert json.loads(capsys.readouterr().err)["event"] == "loud"


def test_people_get_lines_they_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("console", "info")
    structlog.get_logger().info("call.changed", to=NUMBER)
    line = capsys.readouterr().err
    assert "call.changed" in line
    assert "+*********42" in line


def fail(token: str) -> None:
    """Fail with something in the locals and a number in the message."""
    message = f"no route to {NUMBER}"
    raise RuntimeError(message, len(token))


@pytest.mark.parametrize("value", [{"to": NUMBER}, [NUMBER], (NUMBER,)])
def test_numbers_deeper_down_are_masked_too(
    value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert NUMBER not in json.dumps(logged(capsys, call=value))


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_numbers_in_a_trace_are_masked_too(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(log_format, "info")
    try:
        fail("x")
    except RuntimeError:
        structlog.get_logger().exception("service.failed")
    assert NUMBER not in capsys.readouterr().err


def test_secrets_in_the_locals_of_a_trace_are_not_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("json", "info")
    try:
        fail("hunter2")
    except RuntimeError:
        structlog.get_logger().exception("service.failed")
    assert "hunter2" not in capsys.readouterr().err
