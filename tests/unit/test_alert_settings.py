"""`CALLBOARD_ALERTS`: what it changes, and what it says about what cannot be meant."""

from datetime import time
from pathlib import Path

import orjson
import pytest

from callboard.alerts.changed import changed, rules_of
from callboard.alerts.rules import RULES, Quiet, Rule
from callboard.errors import ConfigurationError


def one(name: str, **changes: object) -> Rule:
    """Return a rule as changed."""
    found = rules_of(orjson.dumps({name: changes}).decode())
    return next(rule for rule in found if rule.name == name)


def test_nothing_given_changes_nothing() -> None:
    assert rules_of("") is RULES
    assert rules_of("{}") == RULES


def test_numbers_are_taken() -> None:
    rule = one("hit_ratio", below=0.25, for_s=60, clear_for_s=0, window_s=60, minimum=1)
    assert (rule.threshold, rule.clear) == (0.25, 0.3)  # the clear threshold moves along
    assert (rule.for_s, rule.clear_for_s, rule.window_s, rule.minimum) == (60, 0, 60, 1)
    assert one("hit_ratio", below=0.25, clear=0.9).clear == 0.9
    assert one("failures", above=0.1).clear == pytest.approx(0.07)
    assert one("concurrency", limit=30).limit == 30
    assert one("drift", severity="critical").severity == "critical"


def test_the_accounts_concurrency_is_the_limit_unless_a_rule_says_otherwise() -> None:
    def limits(text: str) -> dict[str, float | None]:
        return {rule.name: rule.limit for rule in rules_of(text, 30) if rule.limit is not None}

    assert limits("") == limits("{}") == {"concurrency": 30}
    assert limits('{"lag": {"above": 3}}') == {"concurrency": 30}
    assert limits('{"concurrency": {"above": 0.5}}') == {"concurrency": 30}
    assert limits('{"concurrency": {"limit": 7}}') == {"concurrency": 7}
    assert limits('{"concurrency": {"off": true}}') == {}
    assert [rule.name for rule in rules_of("", 30)] == [rule.name for rule in RULES]
    assert rules_of("", None) is RULES


def test_others_stay_as_they_are() -> None:
    found = rules_of('{"lag": {"above": 3}}')
    assert [rule for rule in found if rule.name != "lag"] == [
        rule for rule in RULES if rule.name != "lag"
    ]


def test_a_rule_is_switched_off() -> None:
    names = [rule.name for rule in rules_of('{"drift": {"off": true}, "lag": {"off": false}}')]
    assert names == [rule.name for rule in RULES if rule.name != "drift"]


def test_quiet_hours() -> None:
    assert one("lag", quiet="22:30-06:00").quiet == Quiet(time(22, 30), time(6))
    assert one("campaign_stalled", quiet="").quiet is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "CALLBOARD_ALERTS is no JSON"),
        ("[]", "must be a JSON object"),
        ('{"hit_rato": {}}', "there is no rule 'hit_rato'; did you mean 'hit_ratio'?"),
        ('{"zzz": {}}', "there are mongodb_down, redis_down"),
        ('{"lag": 3}', "lag must be an object"),
        ('{"lag": {"below": 3}}', "lag: there is no 'below'; it has above, off"),
        ('{"lag": {"limit": 3}}', "lag: there is no 'limit'"),
        ('{"lag": {"above": "3"}}', "lag: above must be a number"),
        ('{"lag": {"above": true}}', "lag: above must be a number"),
        ('{"lag": {"for_s": -1}}', "lag: for_s must be from 0 to 86400"),
        ('{"lag": {"minimum": -1}}', "lag: minimum must be at least 0"),
        ('{"lag": {"window_s": 60}}', "lag: window_s has no effect here"),
        ('{"hit_ratio": {"window_s": 59}}', "hit_ratio: window_s must be from 60 to 3600"),
        ('{"hit_ratio": {"window_s": 3601}}', "hit_ratio: window_s must be from 60 to 3600"),
        ('{"lag": {"clear": 31}}', "lag: clear must be at most 30, or it would never clear"),
        ('{"hit_ratio": {"clear": 0.4}}', "hit_ratio: clear must be at least 0.5"),
        ('{"lag": {"quiet": "22-06"}}', "x"),
        ('{"lag": {"quiet": "22:00"}}', "lag: quiet must be local hours"),
        ('{"lag": {"quiet": "22:00-22:00"}}', "lag: quiet must be local hours"),
        ('{"lag": {"quiet": 22}}', "lag: quiet must be local hours"),
        ('{"lag": {"off": 1}}', "lag: off must be true or false"),
        ('{"lag": {"severity": "high"}}', "lag: severity must be critical or warning"),
        ('{"concurrency": {"limit": 0}}', "concurrency: limit must be at least 1"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    if said == "x":  # whole hours are ISO-8601 too
        assert one("lag", quiet="22-06").quiet == Quiet(time(22), time(6))
        return
    with pytest.raises(ConfigurationError) as raised:
        rules_of(text)
    assert said in str(raised.value)


def test_everything_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        changed({"nope": {}, "lag": {"above": "x", "for_s": "y"}, "drift": []})
    said = str(raised.value)
    assert all(part in said for part in ("nope", "lag: above", "lag: for_s", "drift must be"))


def test_every_rule_is_well_made() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.title
        assert rule.advice.endswith((".", "?"))
        assert not rule.is_bad(rule.clear)
        assert rule.is_good(rule.clear)
        assert rule.for_s % 10 == rule.clear_for_s % 10 == 0
        assert rule.unless <= {other.name for other in RULES}
    assert RULES[-1].name == "unseen"


def test_every_rule_has_its_row_in_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")
    assert [rule.name for rule in RULES if f"\n| `{rule.name}` | " not in manual] == []
