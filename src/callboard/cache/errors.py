"""What can go wrong in the cache; its own tree, because it may leave this repository.

```text
CacheError
├── TierUnavailable     Redis cannot be asked now; the engine answers without it
├── LoadTimeout         a loader took longer than its keyspace allows
└── TooManyRequests     more commands wait for one server than may wait
```

What a loader raises reaches the caller as it is.
"""

__all__ = ["CacheError", "LoadTimeout", "TierUnavailable", "TooManyRequests"]


class CacheError(Exception):
    """Root of everything the cache raises by itself."""


class TierUnavailable(CacheError):  # noqa: N818  (the vocabulary's name)
    """Redis is away, frozen, loading, full or read-only: it cannot be trusted with this now."""


class LoadTimeout(CacheError):  # noqa: N818  (as above)
    """A loader did not return within `loader_timeout_s`, and nothing stale could be served."""


class TooManyRequests(TierUnavailable):
    """The bounded queue of one link is full."""
