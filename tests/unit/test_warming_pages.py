"""What people open becomes pages; nothing they send is kept as it came."""

from datetime import date

import pytest

from callboard.warming.pages import (
    CLASSES,
    Page,
    filled,
    opaque,
    page_named,
    read_of,
    subject,
)
from callboard.warming.priors import NEXT, READS

TODAY = date(2026, 3, 26)


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("dashboard", Page("dashboard", "")),
        ("/dashboard/", Page("dashboard", "")),
        ("", Page("dashboard", "")),
        ("now", Page("dashboard", "")),
        ("campaign/c1", Page("campaign/*", "c1")),
        ("campaigns/c1", Page("campaign/*", "c1")),
        ("calls/CA1", Page("call/*", "CA1")),
        ("campaign/spring|2026 äö/contacts", Page("campaign/*/contacts", "spring|2026 äö")),
        ("analytics/c1", Page("analytics/*", "c1")),
    ],
)
def test_what_clients_name_is_a_page(name: str, page: Page) -> None:
    assert page_named(name) == page


@pytest.mark.parametrize(
    "name",
    [
        None,
        7,
        ["dashboard"],
        "payroll",
        "campaign/*/payroll",
        "campaign//contacts",
        "campaign/c1/contacts/x",
        "campaign/" + "x" * 201,
        "campaign/a\nb",
        "campaign/..",
        "campaign/.",
        "dashboard/c1",
        "x" * 10_000,
    ],
)
def test_what_is_no_page_of_ours_is_nothing(name: object) -> None:
    assert page_named(name) is None


@pytest.mark.parametrize(
    ("target", "page", "template"),
    [
        ("/api/dashboard/summary", Page("dashboard", ""), "/api/dashboard/summary"),
        ("/api/calls?limit=50", Page("calls", ""), "/api/calls?limit=50"),
        (
            "/api/calls?limit=50&campaignId=c%201",
            Page("campaign/*/calls", "c 1"),
            "/api/calls?campaignId={id}&limit=50",
        ),
        ("/api/calls/active", Page("live", ""), "/api/calls/active"),
        (
            "/api/calls/active?campaignId=c1",
            Page("campaign/*", "c1"),
            "/api/calls/active?campaignId={id}",
        ),
        ("/api/calls/CA1", Page("call/*", "CA1"), "/api/calls/{id}"),
        ("/api/calls/CA1/timeline", Page("call/*", "CA1"), "/api/calls/{id}/timeline"),
        ("/api/campaigns/c%2e1", Page("campaign/*", "c.1"), "/api/campaigns/{id}"),
        (
            "/api/campaigns/c1/contacts?limit=100",
            Page("campaign/*/contacts", "c1"),
            "/api/campaigns/{id}/contacts?limit=100",
        ),
        (
            "/api/analytics/daily?from=2026-03-20&to=2026-03-26&campaignId=c1",
            Page("analytics/*", "c1"),
            "/api/analytics/daily?campaignId={id}&from={-6}&to={0}",
        ),
        (
            "/api/analytics/concurrency?day=2026-03-25",
            Page("analytics", ""),
            "/api/analytics/concurrency?day={-1}",
        ),
    ],
)
def test_a_path_is_of_a_page_and_can_be_asked_again(
    target: str, page: Page, template: str
) -> None:
    assert read_of(target, TODAY) == (page, template)


@pytest.mark.parametrize(
    "target",
    [
        "/api/calls?to=%2B14155550100",
        "/api/calls?from=2026-03-20",
        "/api/calls?before=abc",
        "/api/calls?limit=50&limit2=7",
        "/api/calls?limit={id}",
        "/api/calls?since=2026-03-26T08:00:00Z",
        "/api/analytics/daily?from=yesterday",
        "/api/analytics/daily?from=2026-03-27&to=2026-03-28",
        "/api/analytics/daily?from=2019-03-27&to=2026-03-26",
        "/api/analytics/concurrency?day=2026-03-27",
    ],
)
def test_free_text_numbers_and_cursors_are_never_kept(target: str) -> None:
    read = read_of(target, TODAY)
    assert read is not None
    assert read.template == ""
    assert read.home.id == ""


@pytest.mark.parametrize(
    "target",
    [
        "/healthz",
        "/api/session",
        "/api/campaigns/c1/status/x",
        "/api/analytics/failures",
        "/api/campaigns/%2e%2e",
        "/api/campaigns/a%2Fb",
        "/api/campaigns/a%0Ab/status",
        "/api/calls?campaignId=a%0Ab",
        "/api/campaigns?campaignId=c1",
        "/api/admin/cache",
        "/api/calls?limit=50&status=" + "x" * 700,
    ],
)
def test_what_is_no_page_teaches_nothing(target: str) -> None:
    assert read_of(target, TODAY) is None


def test_a_template_is_asked_for_another_campaign_on_another_day() -> None:
    read = read_of("/api/analytics/daily?from=2026-03-20&to=2026-03-26&campaignId=a/b", TODAY)
    assert read is None
    path = filled(
        "/api/analytics/daily?campaignId={id}&from={-6}&to={0}", "a/b&c", date(2026, 4, 1)
    )
    assert path == "/api/analytics/daily?campaignId=a%2Fb%26c&from=2026-03-26&to=2026-04-01"


def test_people_are_told_apart_and_not_told() -> None:
    names = {
        opaque(name, address, secret)
        for name in ("ann", "bob")
        for address in ("10.0.0.1", "10.0.0.2")
        for secret in (b"one", b"two")
    }
    assert len(names) == 8
    assert opaque("ann", "10.0.0.1", b"x" * 200) == opaque("ann", "10.0.0.1", b"x" * 200)
    assert all(len(name) == 18 and "ann" not in name for name in names)


def test_the_rule_speaks_of_pages_that_exist_and_leaves_room_for_others() -> None:
    assert set(READS) <= CLASSES
    for kind, following in NEXT.items():
        assert kind in CLASSES
        assert sum(following.values()) < 1
        for word in following:
            after = word.removesuffix("=")
            assert after in CLASSES
            assert not word.endswith("=") or subject(after) == subject(kind) != ""
