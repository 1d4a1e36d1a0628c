"""Shares of few things: how sure one can be of them."""

from math import sqrt

__all__ = ["WILSON_Z", "wilson"]

WILSON_Z = 2.576
"""99 % of intervals hold the true share: of a hundred looks at nothing one is wrong, not five."""


def wilson(part: float, whole: float, z: float = WILSON_Z) -> tuple[float, float]:
    """Return the lower and upper bound of a share, by Wilson's score interval.

    Of nothing at all everything may be true.

    >>> [round(bound, 3) for bound in wilson(5, 100)]
    [0.017, 0.139]
    >>> wilson(0, 0)
    (0.0, 1.0)
    """
    if whole <= 0:
        return 0.0, 1.0
    share = min(max(part / whole, 0.0), 1.0)
    spread = z * sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    middle = share + z * z / (2 * whole)
    scale = 1 + z * z / whole
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)
