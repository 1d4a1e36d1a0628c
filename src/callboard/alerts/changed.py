"""`CALLBOARD_ALERTS`: rules changed by one JSON object. Everything that is wrong is named at once.

{"hit_ratio": {"below": 0.6, "for_s": 600}, "drift": {"off": true}, "concurrency": {"limit": 30}}
"""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import time
from math import isfinite
from typing import Any

import orjson

from callboard.alerts.rules import RULES, Quiet, Rule, rule_named
from callboard.errors import ConfigurationError

__all__ = ["changed", "rules_of"]

_DAY_S = 24 * 3600.0
_WINDOW_S_MIN, _WINDOW_S_MAX = 60.0, 3600.0

Take = Callable[[Rule, Any], Rule]


def rules_of(text: str, concurrency: int | None = None) -> Sequence[Rule]:
    """Return the rules as a JSON text changes them; empty: as they are by default.

    `concurrency` is how many calls may go on at one time (`CALLBOARD_CONCURRENCY`), which the rule
    of that name is judged by unless the text gives it another limit.

    Raises:
        ConfigurationError: the text is no JSON, or something in it cannot be meant.
    """
    rules = RULES if concurrency is None else tuple(_limited(concurrency))
    if not text.strip():
        return rules
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        message = f'CALLBOARD_ALERTS is no JSON ({error}): write e.g. {{"drift": {{"off": true}}}}'
        raise ConfigurationError(message) from error
    return changed(given, rules)


def _limited(concurrency: int) -> Iterator[Rule]:
    for rule in RULES:
        yield replace(rule, limit=float(concurrency)) if rule.name == "concurrency" else rule


def changed(given: Any, defaults: Sequence[Rule] = RULES) -> Sequence[Rule]:
    """Return the rules as an object changes them.

    Raises:
        ConfigurationError: names everything that is wrong.
    """
    if not isinstance(given, dict):
        message = "CALLBOARD_ALERTS must be a JSON object of rules by name"
        raise ConfigurationError(message)
    wrong = [_unknown(name) for name in given if rule_named(name) is None]
    rules: list[Rule] = []
    for rule in defaults:
        changes = given.get(rule.name, {})
        if not isinstance(changes, dict):
            wrong.append(f'{rule.name} must be an object, e.g. {{"off": true}}')
            continue
        made, faults = _changed(rule, changes)
        wrong.extend(f"{rule.name}: {fault}" for fault in faults)
        if changes.get("off") is not True:
            rules.append(made)
    if wrong:
        message = "CALLBOARD_ALERTS: " + "; ".join(wrong)
        raise ConfigurationError(message)
    return tuple(rules)


def _unknown(name: str) -> str:
    known = [rule.name for rule in RULES]
    near = difflib.get_close_matches(name, known, 1)
    meant = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
    return f"there is no rule '{name}'; {meant}"


def _changed(rule: Rule, changes: Mapping[str, Any]) -> tuple[Rule, list[str]]:
    """Return a rule with its changes, and what is wrong with them."""
    takes: dict[str, Take] = {rule.direction: _threshold, **_TAKES}
    if rule.name == "concurrency":
        takes["limit"] = _limit
    faults = [f"there is no '{key}'; it has {', '.join(takes)}" for key in changes.keys() - takes]
    made = rule
    for key, take in takes.items():
        if key in changes:
            try:
                made = take(made, changes[key])
            except ValueError as fault:
                faults.append(f"{key} {fault}")
    faults.extend(_contradictions(made))
    return made, faults


def _contradictions(rule: Rule) -> Iterator[str]:
    if rule.is_bad(rule.clear):
        side = "at most" if rule.direction == "above" else "at least"
        yield f"clear must be {side} {rule.threshold:g}, or it would never clear"
    if rule.window_s and not _WINDOW_S_MIN <= rule.window_s <= _WINDOW_S_MAX:
        yield f"window_s must be from {_WINDOW_S_MIN:g} to {_WINDOW_S_MAX:g}"


def _number(value: Any, least: float = float("-inf"), most: float = float("inf")) -> float:
    """Return a number.

    Raises:
        ValueError: it is none, or too small or large.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        message = "must be a number"
        raise ValueError(message)
    if not least <= value <= most:
        message = (
            f"must be from {least:g} to {most:g}"
            if isfinite(most)
            else f"must be at least {least:g}"
        )
        raise ValueError(message)
    return float(value)


def _threshold(rule: Rule, value: Any) -> Rule:
    """Move the threshold; what clears moves along, as far away in proportion as it was."""
    threshold = _number(value)
    moved = rule.clear * threshold / rule.threshold if rule.threshold else rule.clear + threshold
    return replace(rule, threshold=threshold, clear=moved)


def _clear(rule: Rule, value: Any) -> Rule:
    return replace(rule, clear=_number(value))


def _for_s(rule: Rule, value: Any) -> Rule:
    return replace(rule, for_s=_number(value, 0.0, _DAY_S))


def _clear_for_s(rule: Rule, value: Any) -> Rule:
    return replace(rule, clear_for_s=_number(value, 0.0, _DAY_S))


def _window_s(rule: Rule, value: Any) -> Rule:
    if not rule.window_s:
        message = "has no effect here: this rule looks at no window"
        raise ValueError(message)
    return replace(rule, window_s=_number(value))


def _minimum(rule: Rule, value: Any) -> Rule:
    return replace(rule, minimum=_number(value, 0.0))


def _limit(rule: Rule, value: Any) -> Rule:
    return replace(rule, limit=_number(value, 1.0))


def _severity(rule: Rule, value: Any) -> Rule:
    if value not in ("critical", "warning"):
        message = "must be critical or warning"
        raise ValueError(message)
    return replace(rule, severity=value)


def _off(rule: Rule, value: Any) -> Rule:
    if not isinstance(value, bool):
        message = "must be true or false"
        raise ValueError(message)  # noqa: TRY004  (said like every other wrong value)
    return rule


def _quiet(rule: Rule, value: Any) -> Rule:
    """Read `21:00-08:00`; an empty text: never quiet."""
    if value == "":
        return replace(rule, quiet=None)
    message = 'must be local hours like "21:00-08:00", or "" for never'
    begin, found, end = value.partition("-") if isinstance(value, str) else ("", "", "")
    try:
        hours = Quiet(time.fromisoformat(begin), time.fromisoformat(end))
    except ValueError:
        raise ValueError(message) from None
    if not found or hours.begin.tzinfo or hours.end.tzinfo or hours.begin == hours.end:
        raise ValueError(message)
    return replace(rule, quiet=hours)


_TAKES: Mapping[str, Take] = {
    "off": _off,
    "clear": _clear,
    "for_s": _for_s,
    "clear_for_s": _clear_for_s,
    "window_s": _window_s,
    "minimum": _minimum,
    "severity": _severity,
    "quiet": _quiet,
}
