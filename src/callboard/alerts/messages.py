"""An alert in words: the same for mail, chat and log. No personal data is in it."""

from callboard.alerts.engine import Transition
from callboard.clock import isoformat_z

__all__ = ["message_of"]


def message_of(transition: Transition, board_url: str = "") -> tuple[str, str]:
    """Return title and body."""
    about = f" ({transition.label})" if transition.label else ""
    if transition.kind == "fired":
        title = f"callboard {transition.severity}: {transition.title}{about}"
        lines = [transition.shown, transition.advice]
    else:
        lasted_s = (transition.at - transition.fired_at).total_seconds()
        title = f"callboard cleared: {transition.title}{about}"
        lines = [f"It lasted {_span(lasted_s)}.", transition.shown]
    lines.append(f"{isoformat_z(transition.at)} · rule {transition.rule}")
    if board_url:
        lines.append(board_url)
    lines.append(f"id {transition.identity}")
    return title, "\n".join(line for line in lines if line)


def _span(seconds: float) -> str:
    """Return how long something lasted.

    >>> _span(50), _span(200), _span(9000)
    ('50 s', '3 min', '2.5 h')
    """
    if seconds < 120:  # noqa: PLR2004  (two minutes)
        return f"{seconds:.0f} s"
    if seconds < 7200:  # noqa: PLR2004  (two hours)
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
