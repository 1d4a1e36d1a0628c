"""Structured logs on standard error: readable on a terminal, one JSON object a line elsewhere.

Phone numbers are masked in every value of every event; secrets never get here.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

__all__ = ["configure_logs", "mask_numbers"]

_E164 = re.compile(r"\+\d{5,15}")
_SHOWN_TAIL = 2


def configure_logs(log_format: str, level: str) -> None:
    """Set the process' logging up, once."""
    readable = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any
    if readable:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    else:
        # Traces without the frames' locals: they hold tokens, keys and bodies.
        tracebacks = ExceptionDictTransformer(show_locals=False)
        processors.append(structlog.processors.ExceptionRenderer(tracebacks))
        renderer = structlog.processors.JSONRenderer()

    def render_masked(logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        return mask_numbers(str(renderer(logger, name, event)))

    structlog.configure(
        processors=[*processors, render_masked],
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
