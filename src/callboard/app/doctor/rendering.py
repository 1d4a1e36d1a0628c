"""Findings as people and programs read them; no secret ever leaves here."""

import textwrap
from collections.abc import Iterable, Sequence
from urllib.parse import quote, unquote, urlsplit

import click
import orjson
from pydantic import SecretStr

from callboard.app.doctor.findings import Finding, Level, exit_code
from callboard.settings import Settings

__all__ = ["as_json", "as_text", "secrets_of", "without_secrets"]

_HIDDEN = "(hidden)"
_SHORTEST = 4
"""A shorter secret stands in ordinary words, and guards nothing."""
_COLOURS: dict[Level, str] = {"ok": "green", "note": "cyan", "warning": "yellow", "fault": "red"}
_WIDTH = 96
_INDENT = " " * 10


def secrets_of(settings: Settings) -> set[str]:
    """Return every text that must not be shown: whole secrets, and the parts that open a door."""
    found: set[str] = set()
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            found |= _parts_of(value.get_secret_value(), is_url=name.endswith("_url"))
    for url in (settings.public_url or "", *settings.origins):
        found |= _sign_in(url)
    found |= {value for value in map(str, settings.elevenlabs_dynamic_variables.values()) if value}
    return {text for text in found if len(text) >= _SHORTEST}


def _parts_of(secret: str, *, is_url: bool) -> set[str]:
    if is_url:
        # Hosts may be shown, who signs in there may not.
        parts = {part for url in secret.split(",") for part in _sign_in(url)}
    else:
        parts = {secret}
        for part in secret.split(","):
            words = part.strip().split(":")
            # `name:scope:key` and `id:secret`, where the secret may hold a colon itself.
            parts |= {":".join(words[first:]) for first in range(len(words))}
    return parts | {unquote(part) for part in parts} | {quote(part, safe="") for part in parts}


def _sign_in(url: str) -> set[str]:
    """Return a URL's password, and it with its user; nothing where there is none."""
    _, separator, rest = url.rpartition("://")
    sign_in, at, _ = rest.rpartition("@")
    if not at:
        return set()
    password = sign_in.partition(":")[2]
    options = urlsplit(url).query if separator else ""
    return {sign_in, password, *([options] if "assword" in options else [])}


def without_secrets(findings: Iterable[Finding], secrets: Iterable[str]) -> list[Finding]:
    """Return findings in which no secret stands, whoever wrote it into an error's text."""
    longest_first = sorted(secrets, key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in longest_first:
            text = text.replace(secret, _HIDDEN)
        return text

    return [
        Finding(f.level, f.name, clean(f.what), clean(f.what_to_do), f.unseen) for f in findings
    ]


def as_json(findings: Sequence[Finding]) -> str:
    """Return one JSON document: exit code, how many of each level, and every finding."""
    document = {
        "exitCode": exit_code(findings),
        "counts": _counts(findings),
        "findings": [
            {"level": f.level, "name": f.name, "what": f.what, "whatToDo": f.what_to_do}
            for f in findings
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def as_text(findings: Sequence[Finding]) -> str:
    """Return a report for people: what is well first, what needs them last."""
    lines: list[str] = []
    order: Sequence[Level] = ("ok", "note", "warning", "fault")
    for level in order:
        for finding in findings:
            if finding.level == level:
                lines += _lines_of(finding)
    lines += ["", _summary(findings)]
    return "\n".join(lines)


def _lines_of(finding: Finding) -> list[str]:
    label = click.style(f"{finding.level:<8}", fg=_COLOURS[finding.level])
    first, *rest = _wrapped(f"{finding.name}: {finding.what}")
    lines = [f"{label}  {first}", *(_INDENT + line for line in rest)]
    if finding.what_to_do:
        lines += [f"{_INDENT}→ {line}" if n == 0 else f"{_INDENT}  {line}"
                  for n, line in enumerate(_wrapped(finding.what_to_do))]  # fmt: skip
    return lines


def _wrapped(text: str) -> list[str]:
    width = _WIDTH - len(_INDENT)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _summary(findings: Sequence[Finding]) -> str:
    counts = _counts(findings)
    told = ", ".join(
        f"{count} {level if count == 1 or level == 'ok' else level + 's'}"
        for level, count in counts.items()
        if count
    )
    if counts["fault"]:
        verdict = "something is broken"
    elif exit_code(findings):
        verdict = "not everything could be looked at"
    elif counts["warning"]:
        verdict = "it works, but see the warnings"
    else:
        verdict = "all is well"
    return f"{verdict}: {told}"


def _counts(findings: Sequence[Finding]) -> dict[Level, int]:
    levels: Sequence[Level] = ("ok", "note", "warning", "fault")
    return {level: sum(finding.level == level for finding in findings) for level in levels}
