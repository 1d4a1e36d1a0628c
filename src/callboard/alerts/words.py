"""Rules in words: what each looks at, with the thresholds in force."""

from collections.abc import Callable, Mapping

from callboard.alerts.rules import Rule

__all__ = ["condition_of"]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _time(seconds: float) -> str:
    return f"{seconds / 60:.3g} min" if seconds >= 60 else f"{seconds:.3g} s"  # noqa: PLR2004  (a minute)


def _over(rule: Rule) -> str:
    return f" over the last {_time(rule.window_s)}"


def _concurrency(rule: Rule) -> str:
    if rule.limit is None:
        return "never: no limit is given (CALLBOARD_CONCURRENCY)"
    return f"more than {_percent(rule.threshold)} of the limit of {rule.limit:g} calls are live"


_WORDS: Mapping[str, Callable[[Rule], str]] = {
    "mongodb_down": lambda _: "MongoDB takes no commands",
    "redis_down": lambda _: "Redis takes no commands",
    "lag": lambda rule: f"figures are more than {_time(rule.threshold)} behind",
    "staleness": lambda rule: f"a view is more than {_time(rule.threshold)} behind",
    "drift": lambda _: "a comparison found figures that differ from their calls",
    "hit_ratio": lambda rule: (
        f"fewer than {_percent(rule.threshold)} of cached reads are hits{_over(rule)}"
    ),
    "signatures": lambda rule: (
        f"more than {_percent(rule.threshold)} of a vendor's webhooks are refused{_over(rule)}"
    ),
    "silence": lambda rule: (
        f"nothing has come from a vendor for {_time(rule.threshold)} while calls are live"
    ),
    "failures": lambda rule: (
        f"the share of failed calls{_over(rule)} is beyond what is usual at this hour"
    ),
    "concurrency": _concurrency,
    "campaign_stalled": lambda rule: (
        f"a running campaign with contacts left has begun no call for {_time(rule.threshold)}"
    ),
    "unseen": lambda rule: f"what a rule looks at has not been known for {_time(rule.threshold)}",
}


def condition_of(rule: Rule) -> str:
    """Return when a rule is bad, as a sentence without its end.

    >>> from callboard.alerts.rules import rule_named
    >>> condition_of(rule_named("lag"))
    'figures are more than 30 s behind'
    """
    return _WORDS[rule.name](rule)
