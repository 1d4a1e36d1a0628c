"""Token buckets, wrong keys and addresses: how often who may ask."""

import ipaddress
import math
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.builders import START

from callboard.clock import FixedClock
from callboard.delivery.addresses import Addresses
from callboard.delivery.limits import Guesses, Limiter, Rate

rates = st.sampled_from(
    [Rate(10 / 60, 10), Rate(200, 400), Rate(1, 1), Rate(0.3, 7), Rate(3, 2.5)]
)
steps = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 7, 333, 1_000, 60_000]),  # milliseconds that pass
        st.sampled_from("ab"),
        st.sampled_from([1.0, 2.0, 0.5]),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(rates, steps)
def test_nobody_gets_more_than_the_burst_and_what_came_since(
    rate: Rate, history: list[tuple[int, str, float]]
) -> None:
    clock = FixedClock(START)
    limiter = Limiter(rate, clock)
    taken: dict[str, list[tuple[float, float]]] = {"a": [], "b": []}
    for ms, name, cost in history:
        clock.advance(timedelta(milliseconds=ms))
        if limiter.allow(name, cost) == 0.0:
            taken[name].append((clock.monotonic_s(), cost))
    for mine in taken.values():
        for first, (begin, _) in enumerate(mine):
            total = 0.0
            for at, cost in mine[first:]:
                total += cost
                assert total <= rate.burst + rate.per_s * (at - begin) + 1e-6


@settings(max_examples=200, deadline=None)
@given(rates, steps)
@example(Rate(1, 1), [(0, "a", 1.0), (1_000, "a", 1.0)])
def test_it_says_what_an_exact_bucket_says(
    rate: Rate, history: list[tuple[int, str, float]]
) -> None:
    """The model counts tokens by fractions; ours only knows when the bucket is full."""
    clock = FixedClock(START)
    limiter = Limiter(rate, clock)
    per_s, burst = Fraction(rate.per_s), Fraction(rate.burst)
    tokens = {"a": burst, "b": burst}
    for ms, name, cost in history:
        clock.advance(timedelta(milliseconds=ms))
        tokens = {who: min(burst, n + per_s * ms / 1000) for who, n in tokens.items()}
        missing_s = float((Fraction(cost) - tokens[name]) / per_s)
        if abs(missing_s) < 1e-6 and missing_s != 0.0:
            return  # either is right
        wait_s = limiter.allow(name, cost)
        if missing_s <= 0:
            assert wait_s == 0.0
            tokens[name] -= Fraction(cost)
        else:
            assert wait_s == (math.inf if cost > rate.burst else pytest.approx(missing_s))


@settings(max_examples=200, deadline=None)
@given(rates, st.integers(0, 10_000), st.integers(1, 50))
def test_who_waits_as_long_as_told_is_let_in(rate: Rate, ms: int, asked: int) -> None:
    clock = FixedClock(START)
    limiter = Limiter(rate, clock)
    clock.advance(timedelta(milliseconds=ms))
    waits = [limiter.allow("a") for _ in range(asked)]
    wait_s = max(waits)
    assert limiter.wait_s("a") == pytest.approx(wait_s) or not wait_s
    # A clock counts whole microseconds.
    clock.advance(timedelta(microseconds=math.ceil(wait_s * 1e6)))
    assert limiter.allow("a") == 0.0 or not wait_s


def test_waiting_takes_nothing_and_lasts_no_longer_for_it() -> None:
    clock = FixedClock(START)
    limiter = Limiter(Rate(1, 2), clock)
    assert [limiter.allow("a") for _ in range(4)] == [0, 0, 1, 1]
    assert limiter.allow("b") == 0
    clock.advance(timedelta(seconds=1))
    assert limiter.allow("a") == 0


def test_memory_is_bounded_and_the_longest_silent_goes_first() -> None:
    limiter = Limiter(Rate(1, 1), FixedClock(START), names_max=3)
    for name in "abc":
        limiter.allow(name)
    assert limiter.allow("a") == 1  # refused, but heard of
    limiter.allow("d")
    assert len(limiter) == 3
    assert limiter.wait_s("a") == 1
    assert limiter.wait_s("b") == 0


def test_what_is_given_back_or_forgotten_did_not_count() -> None:
    limiter = Limiter(Rate(1, 1), FixedClock(START))
    limiter.allow("a")
    limiter.give_back("a")
    assert limiter.allow("a") == 0
    limiter.forget("a")
    assert len(limiter) == 0
    limiter.give_back("a")
    assert len(limiter) == 0
    assert [limiter.allow("a") for _ in range(2)] == [0, 1]


def test_guessing_is_slow_even_for_the_guess_that_is_right() -> None:
    clock = FixedClock(START)
    guesses = Guesses(clock)
    assert [guesses.wrong("here") for _ in range(10)] == [0.0] * 10
    assert guesses.wrong("here") == pytest.approx(6)
    assert guesses.right("here", "board") == pytest.approx(6)
    assert guesses.right("there", "board") == 0.0
    clock.advance(timedelta(seconds=6))
    assert guesses.right("here", "board") == 0.0


def test_a_key_that_was_right_before_is_not_locked_out_by_its_neighbours() -> None:
    guesses = Guesses(FixedClock(START))
    assert guesses.right("here", "board") == 0.0
    for _ in range(20):
        guesses.wrong("here")
    assert guesses.right("here", "board") == 0.0
    assert guesses.right("here", "another") > 0


def test_an_attempt_counts_until_it_turns_out_right() -> None:
    guesses = Guesses(FixedClock(START))
    for _ in range(50):
        assert guesses.begin("here") == 0.0
        guesses.was_right("here")
    assert sum(guesses.begin("here") == 0.0 for _ in range(50)) == 10


PROXIES = Addresses([ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # no proxy of ours: anybody may write it
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # the left one is made up
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "junk", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, junk, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.1:5123", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("fd00::1", "198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "", "203.0.113.7"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "11.2.3.4," + "9.9.9.9," * 40 + "198.51.100.1", "198.51.100.1"),
        ("", "", ""),
    ],
)
def test_an_address_is_what_our_own_proxies_saw(peer: str, forwarded: str, address: str) -> None:
    assert PROXIES.of(peer, forwarded) == address
    assert PROXIES.of(peer, forwarded) == address


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert Addresses().of("10.0.0.1", "198.51.100.1") == "10.0.0.1"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.text(max_size=40))
def test_no_header_is_an_error(forwarded: str, peer: str) -> None:
    PROXIES.of("10.0.0.1", forwarded)
    PROXIES.of(peer, forwarded)


def test_half_an_address_at_the_cut_is_no_address() -> None:
    """Only the last 200 characters are read; here they begin inside the first address."""
    forwarded = "198.51.100.111" + ",10.0.0.2" * 3 + ",10.0.0.22" * 16
    assert len(forwarded) == 201
    assert PROXIES.of("10.0.0.1", forwarded) == "10.0.0.2"
