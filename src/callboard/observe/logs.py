"""Structured logs on standard error: readable on a terminal, one JSON object a line elsewhere.

Phone numbers are masked in every value of every event; secrets never get here.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

__all__ = ["configure_logs", "mask_numbers"]

_E164 = re.compile(r"\+\d{5,15}")
_SHOWN_TAIL = 2


def configure_logs(log_format: str, level: str) -> None:
    """Set the process' logging up, once."""
    readable = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if readable
        else structlog.processors.JSONRenderer()
    )
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mask,
    ]
    if not readable:
        processors.append(structlog.processors.dict_tracebacks)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard library: only what matters, in the same stream.
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )


def mask_numbers(text: str) -> str:
    """Return a text with every phone number reduced to its last two digits.

    >>> mask_numbers("call from +14155550142")
    'call from +*********42'
    """
    return _E164.sub(lambda found: _masked(found.group()), text)


def _masked(number: str) -> str:
    return "+" + "*" * (len(number) - 1 - _SHOWN_TAIL) + number[-_SHOWN_TAIL:]


def _mask(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = mask_numbers(value)
    return event
