"""How long completed calls lasted: exact percentiles, from how many lasted each second."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from callboard.domain.counting import BUCKET_NAMES, bucket_name

__all__ = ["spread"]

_PERCENTILES = (10, 25, 50, 75, 90, 95, 99)


def spread(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the statistics of several days' `durations` documents; seconds throughout.

    A percentile is by the nearest rank (the smallest duration that so many percent do not
    exceed), so it is a duration that occurred; all are None when nothing was completed.

    >>> found = spread([{"seconds": {"10": 3, "60": 1}}])
    >>> found["count"], found["total"], found["average"], found["percentiles"]["p75"]
    (4, 90, 22.5, 10)
    """
    lasted: Counter[int] = Counter()
    for document in documents:
        for second, count in document["seconds"].items():
            lasted[int(second)] += count
    count = lasted.total()
    total_s = sum(second * times for second, times in lasted.items())
    return {
        "count": count,
        "total": total_s,
        "average": round(total_s / count, 1) if count else None,
        "min": min(lasted, default=None),
        "max": max(lasted, default=None),
        "percentiles": _percentiles(lasted, count),
        "buckets": _buckets(lasted),
    }


def _percentiles(lasted: Mapping[int, int], count: int) -> dict[str, int | None]:
    found: dict[str, int | None] = {f"p{wanted}": None for wanted in _PERCENTILES}
    waiting = list(_PERCENTILES)
    reached = 0
    for second in sorted(lasted):
        reached += lasted[second]
        while waiting and reached * 100 >= waiting[0] * count:
            found[f"p{waiting.pop(0)}"] = second
    return found


def _buckets(lasted: Mapping[int, int]) -> dict[str, int]:
    """Return how many calls fell into each of the buckets that days are counted by."""
    buckets = dict.fromkeys(BUCKET_NAMES, 0)
    for second, times in lasted.items():
        buckets[bucket_name(second)] += times
    return buckets
