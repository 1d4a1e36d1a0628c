"""What this process knows of tags: the floor of each, kept right by pushes like memory is."""

from collections.abc import Iterable, Mapping

from callboard.cache.entry import Entry, Seen

__all__ = ["Tags", "floor_of"]

_KNOWN_MAX = 20_000
_LENGTH = 20
"""Of a tag's value in Redis: server, floor, purges (`TAG_FLOOR`)."""


class Tags:
    """The tags whose floors are known."""

    def __init__(self, namespace: str) -> None:
        self.prefix = f"{namespace}#".encode()
        self._known: dict[str, Seen] = {}

    def raw(self, tag: str) -> bytes:
        """Return the key a tag's floor is kept under."""
        return self.prefix + tag.encode()

    def name(self, raw: bytes) -> str | None:
        """Return the tag a key belongs to, None for any other key."""
        return raw[len(self.prefix) :].decode() if raw.startswith(self.prefix) else None

    def learn(self, tag: str, raw: bytes | None, server: int) -> Seen:
        """Take in a tag's floor as its server sent it."""
        if raw is None or len(raw) != _LENGTH:
            seen = Seen(server, 0, 0)
        else:
            # The server that answers, whoever wrote it: what an entry saw on the incarnation
            # before this one may have been followed by a floor that was lost with it.
            seen = Seen(server, int.from_bytes(raw[4:12], "big"), int.from_bytes(raw[12:], "big"))
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[tag] = seen
        return seen

    def forget(self, tag: str) -> None:
        """A tag has changed; its floor will be asked for when it is needed."""
        self._known.pop(tag, None)

    def forget_all(self) -> None:
        """Pushes may have been missed."""
        self._known.clear()

    def unknown(self, tags: Iterable[str]) -> list[str]:
        """Return those whose floor must be asked for."""
        return [tag for tag in tags if tag not in self._known]

    def seen(self, tags: Iterable[str]) -> dict[str, Seen]:
        """Return the floors of tags, all of them known."""
        return {tag: self._known[tag] for tag in tags}

    def allow(self, entry: Entry) -> bool:
        """Whether none of an entry's tags, all known, was invalidated since it was filled."""
        return all(
            _holds(now, then, None if entry.strict else entry.as_of)
            for now, then in ((self._known[tag], seen) for tag, seen in entry.tags.items())
        )


def floor_of(seen: Mapping[str, Seen]) -> int:
    """Return the commit time that contains what every tag was invalidated for."""
    return max((tag.floor for tag in seen.values()), default=0)


def _holds(now: Seen, then: Seen, as_of: int | None) -> bool:
    """Compare a tag as it is with how an entry saw it; without a clock nothing may have moved."""
    if then.server and now.server and then.server != now.server:
        return False  # the tag's server lost its memory, and perhaps a floor
    return now.purges == then.purges and now.floor <= (then.floor if as_of is None else as_of)
