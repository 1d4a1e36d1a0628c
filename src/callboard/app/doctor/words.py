"""Quantities as people say them."""

__all__ = ["bytes_of", "span_of"]

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
_ENOUGH = 2
_STEP = 1024


def span_of(seconds: float) -> str:
    """Return a span of time in the unit it is best told in.

    >>> span_of(0.0312), span_of(75), span_of(600), span_of(3 * 86_400)
    ('0.03 s', '75 s', '10 min', '3 d')
    """
    for unit_s, unit in _UNITS:
        if seconds >= _ENOUGH * unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= _ENOUGH else f"{seconds:.2f} s"


def bytes_of(count: float) -> str:
    """Return a number of bytes in the unit it is best told in.

    >>> bytes_of(512), bytes_of(3 * 1024**3)
    ('512 B', '3.0 GiB')
    """
    units = iter(("B", "KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while count >= _STEP and unit != "TiB":
        count, unit = count / _STEP, next(units)
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
