"""The soak of `make soak-cache`, short: nobody reads less than a writer was promised."""

import os
from pathlib import Path

import pytest
import redis
from contenders import CONTENDERS
from soak import Order, soak
from support.engines import Engines

SECONDS = float(os.environ.get("CALLBOARD_SOAK_S", "5"))

pytestmark = pytest.mark.engines


@pytest.mark.timeout(120 + SECONDS)
@pytest.mark.parametrize("name", ["callboard L1+L2", "callboard L2"])
def test_no_read_is_older_than_an_acknowledged_invalidation(
    engines: Engines, tmp_path: Path, name: str
) -> None:
    valkey = engines.valkey
    url = valkey.url.replace("://", f"://:{valkey.password}@")
    with redis.Redis.from_url(url) as client:
        client.flushall()  # the versions of the soak before are no longer the truth

    outcome = soak(Order(CONTENDERS[name], url, engines.mongo_url(), SECONDS, tmp_path / "board"))

    assert (outcome.stale, outcome.left) == (0, 0), outcome
    # It was a soak: there was something to race with.
    assert outcome.writes > 20 * SECONDS, outcome
    assert outcome.loads > 20 * SECONDS, outcome
